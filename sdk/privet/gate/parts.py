"""What the gate is composed of: the trust parts of one open deployment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, NoReturn, Protocol
from zoneinfo import ZoneInfo

from privet import crypto
from privet.audit import Log
from privet.audit.anchors import Anchoring
from privet.clock import Clock, micros
from privet.consent import APPLIED_KEY, Ledger
from privet.crypto import Signer
from privet.db import Home
from privet.errors import AccessDenied
from privet.policy import Policy
from privet.types import SELF_ROLE
from privet.vault import Keys, Subjects, Vault

IDENTITY = "identity"
"""The domain of the app's own ids: collected with any ground, gone with the last of them."""

IDENTITY_EVENT = "subject"
CATALOGUE = "catalogue"
"""Where the catalogue's version is kept."""

EVIDENCE = "evidence"
"""The domain, and event, of how a change of a ground can be shown (Art. 7(1))."""


MOVING = "moving"
"""Where it is kept what belongs to another domain and is still to be moved there."""

_SINCE = "SELECT hash, detail FROM policy_activation ORDER BY seq DESC"
_KEPT = ("policy", CATALOGUE, APPLIED_KEY, MOVING)
_MARKS = f"SELECT key, value FROM meta WHERE key IN {_KEPT}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, vouched for by the host application.

    Attributes:
        pseudonym: what the log calls her; the name itself never enters it.
        roles: her roles with all that they inherit.
        own: the ordinal that the reserved role ``self`` is bound to; she sees only herself.
        environment: what the host tells of attributes that rules may depend on: texts, or
            what is called for one at each decision.
        emergency: number of the emergency that she acts under; None for none.
    """

    pseudonym: str
    roles: frozenset[str]
    own: int | None = None
    environment: Mapping[str, str | Callable[[], str]] = field(
        default_factory=dict, compare=False, repr=False
    )
    emergency: int | None = None

    @property
    def bound(self) -> bool:
        """Whether the caller is the person herself, who may name nobody else, nor everybody."""
        return SELF_ROLE in self.roles

    def may_touch(self, sno: int) -> bool:
        """Whether the caller may name this subject at all."""
        return not self.bound or sno == self.own


class Unlearn(Protocol):
    """Subtracts kept contributions from a model's state; learning itself lives above the gate."""

    def __call__(
        self, spec: Mapping[str, Any], state: bytes, contributions: Sequence[bytes], /
    ) -> bytes | None:
        """The state without these contributions, exact to the byte; None for what cannot."""
        ...


class Relearn(Protocol):
    """Learns anew from contributions: for a state from which one cannot be subtracted.

    It was destroyed already, or its kind is no sum. Each batch is ascending by subject.
    """

    def __call__(
        self, spec: Mapping[str, Any], state: bytes, batches: Iterable[Sequence[bytes]], /
    ) -> bytes:
        """The state that these contributions alone give, over the same entries."""
        ...


@dataclass
class Parts:
    """The open trust parts. Built by the deployment; everything above sees only the gate."""

    home: Home
    policy: Policy
    clock: Clock
    keys: Keys
    subjects: Subjects
    vault: Vault
    log: Log
    anchoring: Anchoring
    ledger: Ledger
    unlearn: Unlearn
    relearn: Relearn
    cache: dict[str, Any] = field(default_factory=dict, repr=False)
    counts: dict[tuple[Caller, str, str], int] = field(default_factory=dict, repr=False)
    counted: int = 0
    counting: Lock = field(default_factory=Lock, repr=False)

    def __reduce__(self) -> tuple[object, ...]:
        # Every handle of the public face holds these: none of them can be carried away.
        raise TypeError("an open deployment cannot be pickled; open it in each process")

    @property
    def signer(self) -> Signer:
        """The key that signs the log now."""
        return self.log.signer

    @property
    def now(self) -> int:
        """The present instant in UTC microseconds; never before what the log has seen.

        A clock that went back must not let a consent live again that had lapsed.

        Raises:
            AuditUnavailable: it went back by more than clocks may differ (``clock.backwards``).
        """
        return self.log.not_before(micros(self.clock.now()))

    def model_key(self, purpose: str, name: str) -> str:
        """Where the cache keeps a serving model."""
        return f"serving:{purpose}:{name}"

    def drop_model(self, purpose: str, name: str) -> None:
        """Forget the serving model that this process has in memory; it is read again."""
        self.cache.pop(self.model_key(purpose, name), None)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The deployment's zone, for days and hours; instants are kept in UTC."""
        return ZoneInfo(self.policy.timezone)

    @cached_property
    def scales(self) -> dict[str, int]:
        """Decimal places of each decimal field."""
        return {n: f.scale for n, f in self.policy.fields.items() if f.kind == "decimal"}

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The type of each field."""
        return {n: f.kind for n, f in self.policy.fields.items()}

    def pseudonym(self, principal: str) -> str:
        """A principal's name as a keyed pseudonym: stable here, meaningless elsewhere."""
        tag = crypto.mac(self.keys.secret("details"), b"principal" + principal.encode(), 8)
        return f"p-{tag.hex()}"

    def check_current(self) -> None:
        """As ``check_policy``, in a snapshot of its own."""
        with self.home.data.read() as tx:
            self.check_policy(tx)

    def check_policy(self, tx: Any, *, lock: bool = False, running: bool = False) -> None:
        """Refuse when another policy was activated since this handle was opened.

        Args:
            tx: any transaction; a writing one with ``lock``.
            lock: hold an activation back until the transaction ends.
            running: it is a step of a job that began before: it may finish where every policy
                activated since lets such jobs (``running: finish``).

        Raises:
            AccessDenied: reason ``policy.replaced``.
        """
        how = tx.for_share if lock else ""
        row = tx.one("SELECT value FROM meta WHERE key = ?" + how, ("policy",))
        active = None if row is None else bytes(row[0])
        if not (running and active is not None and self._may_finish(tx, active.decode())):
            self._require(active)

    def _may_finish(self, tx: Any, active: str) -> bool:
        """Whether all policies activated since this one let jobs that began before finish.

        The newest word of who is responsible counts: the policy that a job began with cannot
        know what a later one forbids.
        """
        if active == self.policy.hash:
            return True
        for digest, detail in tx.all(_SINCE):
            if digest == self.policy.hash:
                return True
            if json.loads(detail).get("running") != "finish":
                break
        return False

    def marks(self, tx: Any) -> Mapping[str, bytes]:
        """What a snapshot is compared by, in one statement, as by ``check_policy``.

        Returns:
            the values of ``CATALOGUE``, ``APPLIED_KEY`` and ``MOVING``, as far as they are there.

        Raises:
            AccessDenied: reason ``policy.replaced``.
        """
        found = {key: bytes(value) for key, value in tx.all(_MARKS)}
        self._require(found.get("policy"))
        return found

    def _require(self, active: bytes | None) -> None:
        if active is None or active.decode() != self.policy.hash:
            self.replaced()

    def replaced(self) -> NoReturn:
        """Refuse: another policy was activated since this handle was opened.

        Raises:
            AccessDenied: always, reason ``policy.replaced``.
        """
        raise AccessDenied(
            "this handle holds a policy that is no longer active",
            why="another version was activated in this deployment",
            remedy="Open the deployment again; the new version then applies.",
            reason="policy.replaced",
        )
