"""After an incident: what a credential or a key could have reached. GDPR Art. 33(3), 34."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from privet.clock import iso
from privet.errors import InvalidInput
from privet.gate import evidence, policies
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, entry
from privet.types import ACCOUNTABILITY

if TYPE_CHECKING:
    from privet.audit import Selection
    from privet.policy import Policy
    from privet.review.reach import Scope


@dataclass(frozen=True, slots=True)
class KeyDomain:
    """What lies under the keys of one domain.

    Attributes:
        domain: its name.
        purpose: for which it was collected.
        people: how many have a key of it under the epoch.
        fields: what is sealed in it, sorted.
        categories: categories of those data, sorted.
    """

    domain: str
    purpose: str
    people: int
    fields: tuple[str, ...]
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyScope:
    """What whoever holds the key of an epoch opens, given copies of the keys and data stores.

    Attributes:
        epoch: its number.
        state: of the epoch.
        created: when it began, RFC 3339.
        people: how many have a key under it now.
        keys: how many keys of theirs.
        secrets: keys of the deployment itself under it, sorted by name.
        domains: by domain.
        people_at_most: how many people there were to reach: where keys were wrapped anew since,
            those are no longer counted under it.
    """

    epoch: int
    state: str
    created: str
    people: int
    keys: int
    secrets: tuple[str, ...]
    domains: tuple[KeyDomain, ...]
    people_at_most: int


def of_credential(
    parts: Parts, caller: Caller, selection: Selection, roles: frozenset[str]
) -> Scope:
    """What a principal, or a role, reached between two instants, and could have reached.

    Args:
        parts: the open deployment.
        caller: who asks.
        selection: a period with ``who`` or ``role``.
        roles: that the credential is known to have had.

    Raises:
        AccessDenied: no permit to export the log.
    """
    from privet.review.reach import scope  # a tool of a reviewer: no open pays for it

    end = parts.now + 1 if selection.until is None else selection.until
    since = selection.since or 0
    found = evidence.chosen(parts, caller, "scope", selection)
    members = parts.log.members
    return scope(found, _policies(parts, since, end), roles, members, _people(parts, since))


def of_epoch(parts: Parts, caller: Caller, number: int) -> KeyScope:
    """What the key of an epoch opens, with copies of the stores.

    Raises:
        AccessDenied: no permit to export the log.
        InvalidInput: there is no such epoch (``epoch.unknown``).
    """
    decide(parts, caller, ACCOUNTABILITY, "export", ())
    told = entry(parts, caller, "access", purpose=ACCOUNTABILITY, action="export", task="scope")
    parts.log.append([told])
    with parts.home.keys.read() as tx:
        epoch = tx.one("SELECT state, created FROM epoch WHERE kek_id = ?", (number,))
        if epoch is None:
            raise InvalidInput(
                "there is no such epoch of keys",
                remedy="Take a number that `privet keys status` lists.",
                reason="epoch.unknown",
            )
        total = tx.one(
            "SELECT COUNT(*), COUNT(DISTINCT sno) FROM subject_key WHERE kek_id = ?", (number,)
        )
        held = tx.all(
            "SELECT k.dom, d.name, d.purpose, COUNT(*) FROM subject_key k "
            "JOIN domain d ON d.dom = k.dom WHERE k.kek_id = ? "
            "GROUP BY k.dom, d.name, d.purpose ORDER BY d.name",
            (number,),
        )
        secrets = tx.all("SELECT DISTINCT name FROM secret WHERE kek_id = ?", (number,))
    keys, people = (int(n) for n in total or (0, 0))
    sealed = _sealed(parts)
    return KeyScope(
        number,
        str(epoch[0]),
        iso(int(epoch[1])),
        people,
        keys,
        tuple(sorted(str(name) for (name,) in secrets)),
        tuple(
            KeyDomain(str(name), str(purpose), int(n), *sealed.get(int(dom), ((), ())))
            for dom, name, purpose, n in held
        ),
        _people(parts, int(epoch[1])),
    )


def _sealed(parts: Parts) -> dict[int, tuple[tuple[str, ...], tuple[str, ...]]]:
    """By domain which fields lie there, and their categories."""
    with parts.home.data.read() as tx:
        rows = tx.all(
            "SELECT DISTINCT c.dom, l.event, l.fields FROM cell c JOIN layout l ON l.grp = c.grp"
        )
    found: dict[int, set[str]] = {}
    for dom, event, fields in rows:
        names = {f"{event}.{name}" for name, _, _ in json.loads(fields)}
        found.setdefault(int(dom), set()).update(names)
    known = parts.policy.fields
    return {
        dom: (
            tuple(sorted(names)),
            tuple(sorted({known[n].category for n in names if n in known})),
        )
        for dom, names in found.items()
    }


def _policies(parts: Parts, since: int, until: int) -> list[Policy]:
    """The versions that were in force at any time in a period, as far as they are kept."""
    with parts.home.data.read() as tx:
        activations = policies.activations(tx)
    before = [a for a in activations if a.at <= since][-1:]
    within = [a for a in activations if since < a.at < until]
    hashes = dict.fromkeys(a.hash for a in [*before, *within])
    found = (policies.kept(parts, digest) for digest in hashes)
    return [policy for policy in found if policy is not None]


def _people(parts: Parts, since: int) -> int:
    """How many people there were to reach at most: those of today, and those erased since."""
    with parts.home.data.read() as tx:
        row = tx.one("SELECT COUNT(*) FROM ground")
        gone = tx.one(
            "SELECT COUNT(*) FROM request WHERE kind = 'erasure' AND received >= ?", (since,)
        )
    return int((row or (0,))[0]) + int((gone or (0,))[0])
