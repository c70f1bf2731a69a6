"""Opening a deployment: settings and wiring, the one place that chooses concrete parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from privet.audit import Log, tailcheck
from privet.audit.anchors import Anchor, Anchoring, specs
from privet.audit.origin import origin_of
from privet.clock import Clock, SystemClock
from privet.crypto import Signer
from privet.db import Home, create_stores, locate, open_stores
from privet.db.home import exists
from privet.errors import IntegrityError, InvalidInput, StoreUnavailable
from privet.gate import activation, catchup, policies, recovery, watching
from privet.gate.catalogue import Items, items
from privet.gate.parts import Caller, Parts, Relearn, Unlearn
from privet.gate.record import flush_counts
from privet.maintenance import Maintenance
from privet.policy import Policy
from privet.policy.load import watched
from privet.principals import Principal
from privet.recommend import training as recommending
from privet.rights.notices import Notices
from privet.segments import training as segmenting
from privet.settings import Settings, resolve
from privet.subject import Subject
from privet.types import Id, check_type
from privet.vault import Keyring, Keys, Subjects, Vault, open_keyring
from privet.vault.keyring import cores, former_keyrings

_OPENER = Caller("privet", frozenset({"privet"}))

Anchors = tuple[tuple[Anchor, ...], int | None]
"""Where the log is anchored, and within how many microseconds it must be."""


class Deployment:
    """One tenant's open stores, behind the gate. Safe to use from several threads.

    Made by ``privet.open``; not to be carried across ``fork()``.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._closed = False

    def principal(
        self,
        name: str,
        *,
        roles: Iterable[str],
        environment: Mapping[str, str | Callable[[], str]] | None = None,
    ) -> Principal:
        """Someone who acts, vouched for by the host.

        Args:
            name: the host's own id of her; the log keeps a keyed pseudonym only.
            roles: roles of the policy.
            environment: attributes that the policy's conditions may depend on, such as
                ``{"network": "office"}``; a function is called at each decision, and one
                that fails makes its rules refuse.

        Raises:
            AccessDenied: a role is unknown, reserved, or kept apart from another.
        """
        return Principal(self._parts, name, roles, environment)

    def subject(self, subject: Id, *, proof: str) -> Subject:
        """The person herself, whom the host has identified.

        Args:
            subject: the app's own id of her.
            proof: how the host knows, such as a session's mark; kept nowhere.
        """
        return Subject(self._parts, subject, proof)

    @property
    def maintenance(self) -> Maintenance:
        """Housekeeping: retention, compaction, unfinished erasures."""
        return Maintenance(self._parts)

    @property
    def catalogue(self) -> Items:
        """The items; not personal."""
        return items(self._parts)

    @property
    def notices(self) -> Notices:
        """What people are told; not personal."""
        return Notices(self._parts)

    @property
    def policy(self) -> Policy:
        """The active policy, compiled."""
        return self._parts.policy

    def version(self, digest: str) -> Policy:
        """A version of the policy that was active here once.

        Args:
            digest: its hash, or the first 16 digits or more, as an audit record names it.

        Raises:
            PolicyError: no such version is kept (``policy.unknown``), or it does not compile
                with this version of privet.
        """
        check_type(digest, str, "a hash", "Give a text of 16 to 64 hex digits.")
        return policies.of_hash(self._parts, digest)

    @property
    def verifier_key(self) -> str:
        """The public key of the audit log's checkpoints, for auditors and witnesses."""
        return self._parts.log.vkey

    @property
    def home(self) -> str:
        """Where it lives: the directory, or ``"postgresql"`` (a URL holds a password)."""
        location = self._parts.home.location
        return str(location.directory) if location.directory else "postgresql"

    def close(self) -> None:
        """Record what was only counted, let go of the keys, and close the stores."""
        if self._closed:
            return
        self._closed = True
        try:
            self._parts.home.audit.check_handle()
            try:
                flush_counts(self._parts)
            finally:
                self._parts.anchoring.close()
        finally:
            self._parts.cache.clear()
            self._parts.keys.forget()
            self._parts.home.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Deployment({self.home!r}, policy={self._parts.policy.name!r})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a deployment cannot be pickled; open it in each process")


def open_deployment(
    home: str | os.PathLike[str] | None = None,
    *,
    policy: str | Path | None = None,
    keyring: str | Keyring | None = None,
    clock: Clock | None = None,
    sync: Literal["FULL", "OFF"] = "FULL",
    anchors: Iterable[str | Anchor] | None = None,
    anchor_within: timedelta | None = None,
    former_keyring: str | Keyring | None = None,
) -> Deployment:
    """Open a deployment; a home that does not exist is created with ``policy``.

    Args:
        home: a directory, or a ``postgresql://`` URL; PRIVET_HOME when left out, then
            ``privet.toml`` in the current directory.
        policy: ``"pack:<name>"``, a policy document or its directory. Needed to create;
            later it must be the active one, or be left out.
        keyring: who holds the keys: ``"file:<directory>"``, ``"aws-kms:<region>"`` or another
            kind, or an object with the methods of ``privet.Keyring``; PRIVET_KEYRING when left
            out, then ``privet.toml``, then ``keyring`` in the home's directory.
        clock: where time comes from; the system's when left out.
        sync: ``"OFF"`` gives up durability for speed: for tests alone.
        anchors: where checkpoints of the audit log are kept: ``"file:PATH"``,
            ``"witness:URL#VKEY"`` or objects of ``privet.audit.anchors``; ``privet.toml``'s when
            left out.
        anchor_within: refuse to record anything, and so to release anything, where a record is
            not at every anchor after so long; no such limit when left out, or `privet.toml`'s.
        former_keyring: while keys move from one kind of keyring to another, the one before:
            it opens the epochs that it made, until they are ended. PRIVET_FORMER_KEYRING when
            left out, then ``privet.toml``.

    Raises:
        StoreUnavailable: a store is missing, mixed, busy, outdated or unreachable.
        PolicyError: the documents cannot be accepted.
        AccessDenied: another policy is active here.
        KeyUnavailable: the keyring cannot give the keys.
        IntegrityError: the stores contradict each other.
    """
    cores.forbid()
    _check(clock, sync)
    given = None if isinstance(keyring, str) else keyring
    found = resolve(home, keyring if isinstance(keyring, str) else None)
    location = locate(found.home)
    time = clock or SystemClock()
    ring = open_keyring(found.keyring if given is None else given, location, time)
    former = former_keyrings(former_keyring or found.former_keyring, ring, location, time)
    kept = _anchors(found, anchors, anchor_within)
    asked, watch = (None, None) if policy is None else watched(policy)
    fresh = not exists(location)
    if fresh and asked is None:
        raise StoreUnavailable(
            "there is no deployment at this home",
            remedy="Create one: `privet init --policy pack:shop`, or pass policy=.",
            reason="store.missing",
        )
    stores = create_stores(location, sync) if fresh else open_stores(location, sync)
    try:
        parts = assemble(stores, asked, ring, time, kept, former)
        _catch_up(parts)
        watching.begin(parts, watch)
        return Deployment(parts)
    except BaseException:
        stores.close()
        raise


def _check(clock: object, sync: object) -> None:
    if clock is not None and not callable(getattr(clock, "now", None)):
        raise InvalidInput(
            "this is no clock", remedy="Give an object with `now()`.", reason="argument.type"
        )
    # SQLite would silently take any other word for less than FULL.
    if not isinstance(sync, str) or sync not in {"FULL", "OFF"}:
        raise InvalidInput("sync is unknown", remedy="Give FULL or OFF.", reason="argument.type")


def _anchors(
    found: Settings, given: Iterable[str | Anchor] | None, limit: timedelta | None
) -> Anchors:
    made = specs.anchors(found.anchors if given is None else given)
    if limit is None and given is None and found.anchor_minutes is not None:
        limit = timedelta(minutes=found.anchor_minutes)
    if limit is not None and not made:
        raise InvalidInput(
            "records must be anchored in time, and no anchor is named",
            remedy="Name one: `anchors` in privet.toml, or anchors=.",
            reason="anchor.within",
        )
    return made, specs.within(limit)


def assemble(
    stores: Home,
    asked: Policy | None,
    keyring: Keyring,
    clock: Clock,
    anchors: Anchors = ((), None),
    former: tuple[Keyring, ...] = (),
) -> Parts:
    """Put the parts of a deployment together; what the log knows is still to be applied."""
    keys = Keys(stores.keys, keyring, stores.deployment, clock, former)
    keys.initialise()
    subjects = Subjects(stores.keys, keys, clock)
    vault = Vault(stores, keys, subjects, clock)
    signer = Signer(keys.secret("signing"))
    origin = origin_of(stores.deployment, keys.timeline())
    log = Log(stores.audit, signer, origin, clock, partial(_signers, keys))
    tailcheck.check(stores.audit)
    anchoring = Anchoring(stores.audit, lambda: log.verifier, anchors[0], clock, anchors[1])
    anchoring.begin()
    log.watch = anchoring if anchoring.anchors else None
    _first_policy(stores, vault, asked)
    policy = policies.active(stores)
    if asked is not None:
        activation.check_same(asked, policy)
    parts = Parts(
        home=stores,
        policy=policy,
        clock=clock,
        keys=keys,
        subjects=subjects,
        vault=vault,
        log=log,
        anchoring=anchoring,
        ledger=activation.ledger_of(stores.data, keys.secret("mac"), policy),
        unlearn=_unlearn,
        relearn=_relearn,
    )
    _note_first(parts)
    policies.check_recorded(parts)
    activation.install_layout(vault, policy)
    return parts


def _signers(keys: Keys) -> list[Signer]:
    """Every key that may sign the log: two where a new one is about to be put in force."""
    return [Signer(key) for key in keys.secrets("signing")]


def _unlearn(spec: Mapping[str, Any], state: bytes, gone: Sequence[bytes], /) -> bytes | None:
    return _ways(spec)[0](spec, state, gone)


def _relearn(spec: Mapping[str, Any], state: bytes, batches: Iterable[Sequence[bytes]], /) -> bytes:
    return _ways(spec)[1](spec, state, batches)


def _ways(spec: Mapping[str, Any]) -> tuple[Unlearn, Relearn]:
    """How a version's kind forgets: segments know theirs, recommenders the others."""
    if str(spec["kind"]).startswith("segments/"):
        return segmenting.unlearn, segmenting.relearn
    return recommending.unlearn, recommending.relearn


def _first_policy(stores: Home, vault: Vault, asked: Policy | None) -> None:
    with stores.data.read() as tx:
        found = tx.one("SELECT 1 FROM meta WHERE key = ?", (policies.ACTIVE,))
    if found is None and asked is not None:
        activation.install(stores, vault, asked, first=True)


def _note_first(parts: Parts) -> None:
    """Record and note the activation of a home's first policy, also where a crash kept it back."""
    with parts.home.data.read() as tx:
        if policies.latest(tx) is not None:
            return
    first = activation.recorded(parts, _OPENER, parts.policy)
    with parts.home.data.write() as tx:
        if policies.latest(tx) is None:  # nobody else was faster
            policies.note(tx, first)


def _catch_up(parts: Parts) -> None:
    """Apply what the log knows and the ledger does not, before any door opens."""
    with parts.home.data.read() as tx:
        position = parts.ledger.position(tx)
    if position >= parts.log.size():
        raise IntegrityError(
            "the audit log is behind the data store",
            why="the log was rolled back, or belongs to an older copy",
            remedy="Restore all three stores from one backup.",
            reason="log.behind",
        )
    parts.log.check_redo(position)
    catchup.catch_up(parts)
    recovery.recover(parts)
