"""After a withdrawal: models, and what only that consent covered. GDPR Art. 7(3), 17(1)(b).

What is left to do is found in the stores: whoever was interrupted goes on, and nothing is
done twice.
"""

from __future__ import annotations

from pyroaring import BitMap

from privet.consent import ABSOLUTE, Standing
from privet.db import Tx
from privet.gate import moving
from privet.gate.erasing import stores
from privet.gate.parts import Caller, Parts
from privet.gate.record import forgetting
from privet.gate.removal import Removed, remove
from privet.policy import ended_with

UNTOUCHED = frozenset({"active", "elsewhere"})
"""Where a ground stands without her word against it: nothing is destroyed for it."""


def settle(parts: Parts, caller: Caller, sno: int, purpose: str) -> list[Removed]:
    """After a withdrawal: subtract her from the purpose's models, shred what only it covered.

    What was collected for another purpose, or is held by a law, stays.
    """
    spec = parts.policy.purposes[purpose]
    moving.move_hers(parts, caller, sno)
    removed: list[Removed] = []
    for affected in _resting_on(parts, purpose):
        removed += remove(parts, caller, f"withdrawal-{purpose}-{sno}", [sno], affected)
    with parts.home.data.read() as tx:
        status = parts.ledger.standing(tx, sno, purpose, parts.now).status
    # An objection that was upheld ends the purpose for her, and what it collected (Art. 17(1)(c)).
    if spec.basis in ABSOLUTE or status == "upheld":
        domains = ended_with(purpose)
        with parts.home.data.read() as tx:
            sealed = set(domains).intersection(parts.vault.domains_of(tx, sno))
        keyed = set(domains).intersection(parts.vault.keyed_domains([sno]).get(sno, ()))
        # A restriction alone destroys nothing (Art. 18); half a destruction is finished.
        if sealed - keyed or (status not in UNTOUCHED and keyed):
            # By a clock that the log refuses nothing is destroyed.
            told = forgetting(
                parts,
                caller,
                "erase.domain",
                subjects=(sno,),
            )
            parts.log.append([told])
            parts.vault.shred(sno, domains)
        for store in stores(parts):
            store.truncate_log()
    return removed


def unsettled(parts: Parts) -> list[tuple[int, str]]:
    """Subjects of whom a purpose still holds something though its ground has ended or lapsed."""
    with parts.home.data.read() as tx:
        return [
            (sno, purpose)
            for purpose in parts.policy.purposes
            for sno in _left(tx, parts, purpose) | _covered_no_more(tx, parts, purpose)
        ]


def _covered_no_more(tx: Tx, parts: Parts, purpose: str) -> BitMap:
    """Whose data, collected under this consent alone, outlived it: a withdrawal was cut off."""
    if parts.policy.purposes[purpose].basis not in ABSOLUTE:
        return BitMap()
    holders = {domain: parts.vault.holders(tx, domain) for domain in ended_with(purpose)}
    people = BitMap().union(*holders.values())
    without = people - parts.ledger.eligible(tx, (purpose,), parts.now, people)
    ended = BitMap(
        sno
        for sno in without
        if parts.ledger.standing(tx, sno, purpose, parts.now).status not in UNTOUCHED
    )
    # Whoever agreed again before it was taken up could not be written of any more.
    return ended.union(*(parts.vault.half_shredded(d, held) for d, held in holders.items()))


def quarantined(parts: Parts, purpose: str) -> bool:
    """Whether somebody stands in a model of this purpose past the policy's deadline.

    Removal is overdue then, and no model of the purpose may serve until it is done.
    """
    spec = parts.policy.purposes[purpose]
    with parts.home.data.read() as tx:
        for sno in _left(tx, parts, purpose):
            ends = [
                _ended(tx, sno, standing)
                for name in (purpose, *spec.builds_on)
                if not (standing := parts.ledger.standing(tx, sno, name, parts.now)).active
            ]
            if ends and spec.models.deadline.after(min(ends)) <= parts.now:
                return True
    return False


def _ended(tx: Tx, sno: int, standing: Standing) -> int:
    """When her place in a model lost its ground: with the ground itself, or her request."""
    if standing.status != "active":
        return standing.since or 0
    row = tx.one("SELECT MAX(received) FROM request WHERE sno = ?", (sno,))
    return int(row[0]) if row and row[0] is not None else 0


def _left(tx: Tx, parts: Parts, purpose: str) -> BitMap:
    """Who contributed to a model of this purpose and has no ground for it now."""
    rows = tx.all(
        "SELECT DISTINCT c.sno FROM contribution c JOIN model_live l "
        "ON l.model = c.model WHERE l.purpose = ?",
        (purpose,),
    )
    people = BitMap([int(r[0]) for r in rows])
    grounds = (purpose, *parts.policy.purposes[purpose].builds_on)
    return people - parts.ledger.eligible(tx, grounds, parts.now, people)


def _resting_on(parts: Parts, purpose: str) -> list[str]:
    builders = [n for n, p in parts.policy.purposes.items() if purpose in p.builds_on]
    return [purpose, *builders]
