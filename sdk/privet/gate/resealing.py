"""Re-sealing before a policy is activated whose permits tell apart what is sealed together.

First re-seal, then permit: while people's cells are cut anew, all goes on under the policy in
force, which may open the finer cells as it may the older ones. It may be interrupted at any
point and begun again: what is re-sealed stays so, and the policy in force holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyroaring import BitMap

from privet.db import Tx
from privet.errors import StoreUnavailable
from privet.gate.batches import UNHURRIED, Pace
from privet.gate.parts import Caller, Parts
from privet.gate.record import decide, housekeeping
from privet.types import ADMINISTRATION
from privet.vault import Vault

if TYPE_CHECKING:
    from privet.policy import Policy

Progress = Callable[[int, int], None]
"""Is told how many people are done, and of how many."""
UNDER_WAY = "activating"
"""Key under which the data store says that cells are being re-sealed for another policy."""
LEASE_US = 120 * 1_000_000
BATCH = 64
PASSES = 8


@dataclass(frozen=True, slots=True)
class Cost:
    """What activating a policy makes anew; only numbers.

    Attributes:
        parts: what must be re-sealed, in sentences.
        cells: how many cells.
        rows: how many rows are in them.
        people: how many people's.
    """

    parts: tuple[str, ...]
    cells: int
    rows: int
    people: int


def cost(parts: Parts, caller: Caller, policy: Policy) -> Cost:
    """What would have to be re-sealed before a policy can be activated. Changes nothing.

    Raises:
        AccessDenied: no permit for ``privet:administration``.
    """
    from privet.review.resealing import resealing  # a reviewer's tool: no open pays for it

    decide(parts, caller, ADMINISTRATION, "administer", ())
    needed = resealing(parts.policy, policy)
    with parts.home.keys.read() as tx:
        names = {int(dom): str(name) for dom, name in tx.all("SELECT dom, name FROM domain")}
    cells = rows = 0
    people = BitMap()
    with parts.home.data.read() as tx:
        kinds = tx.all(
            "SELECT c.grp, c.dom, l.event, l.fields FROM "
            "(SELECT DISTINCT grp, dom FROM cell) c JOIN layout l ON l.grp = c.grp"
        )
        for grp, dom, event, fields in kinds:
            told = str(event), frozenset(f[0] for f in json.loads(fields)), names.get(int(dom), "")
            if any(part.bears_on(*told) for part in needed):
                sql = (
                    "SELECT sno, COUNT(*), SUM(n) FROM cell WHERE grp = ? AND dom = ? GROUP BY sno"
                )
                found = tx.all(sql, (grp, dom))
                people.update(int(sno) for sno, _, _ in found)
                cells += sum(int(n) for _, n, _ in found)
                rows += sum(int(n) for _, _, n in found)
    return Cost(tuple(part.sentence for part in needed), cells, rows, len(people))


def begin(parts: Parts, policy: Policy) -> None:
    """Note that cells are re-sealed for a policy, so that nobody else does it for another.

    Raises:
        StoreUnavailable: another policy is being activated (``policy.busy``).
    """
    with parts.home.data.write() as tx:
        row = tx.one(f"SELECT value FROM meta WHERE key = ?{tx.for_update}", (UNDER_WAY,))
        told = {} if row is None else json.loads(bytes(row[0]))
        if told.get("hash", policy.hash) != policy.hash and told["until"] > parts.now:
            raise StoreUnavailable(
                "another policy is being activated",
                why="its re-sealing is under way, or was broken off less than two minutes ago",
                remedy="Let it end, or wait two minutes; then activate this one.",
                reason="policy.busy",
            )
        note = json.dumps({"hash": policy.hash, "until": parts.now + LEASE_US}).encode()
        tx.run(
            "INSERT INTO meta (key, value) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (UNDER_WAY, note),
        )


def end(tx: Tx) -> None:
    """Note that nothing is re-sealed for another policy any more."""
    tx.run("DELETE FROM meta WHERE key = ?", (UNDER_WAY,))


def under_way(tx: Tx, now: int) -> bool:
    """Whether cells are being re-sealed for a policy that is not active yet."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", (UNDER_WAY,))
    return row is not None and json.loads(bytes(row[0]))["until"] > now


def reseal(parts: Parts, caller: Caller, vault: Vault, policy: Policy, progress: Progress) -> None:
    """Cut anew all cells that hold together what a policy keeps apart.

    Who writes meanwhile still writes under the policy in force: some passes find less and less.
    What the last one leaves is re-sealed once the new policy holds and nobody writes so any
    more; reads of these few refuse until then (``layout.outdated``).

    Args:
        parts: the open deployment.
        caller: who activates.
        vault: a vault with the layout of ``policy``.
        policy: what is to be activated.
        progress: is told how far it is.
    """
    for _ in range(PASSES):
        due = _due(parts, vault)
        if not due:
            return
        for batch in Pace(progress).batches(due, BATCH):
            begin(parts, policy)
            _cut(parts, caller, vault, policy, batch)


def finish(parts: Parts, caller: Caller, vault: Vault, policy: Policy) -> None:
    """Cut anew what was written while the last pass went on; the policy is active now.

    What is left even so, since others keep writing to it, is maintenance's.
    """
    for _ in range(PASSES):
        due = _due(parts, vault)
        for batch in UNHURRIED.batches(due, BATCH):
            _cut(parts, caller, vault, policy, batch)
        if not due:
            return


def _due(parts: Parts, vault: Vault) -> BitMap:
    with parts.home.data.read() as tx:
        return vault.wide(tx)


def _cut(parts: Parts, caller: Caller, vault: Vault, policy: Policy, snos: BitMap) -> None:
    warrant = housekeeping(parts, caller, "resealing", snos, hash=policy.hash)
    for sno in snos:
        try:
            vault.compact(warrant, sno)
        except StoreUnavailable as error:
            if error.reason != "store.busy":  # somebody kept writing to her: the next pass
                raise
