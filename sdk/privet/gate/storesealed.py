"""A look at the whole store: what is sealed of people, their keys, and the ids that lead there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from pyroaring import BitMap

from privet.errors import IntegrityError
from privet.gate import membership, versions
from privet.gate.catchup import fenced_among
from privet.gate.kept import bounds, has_ended, purpose_of
from privet.gate.record import housekeeping
from privet.gate.storerun import TASK, Run

if TYPE_CHECKING:
    from privet.db import Tx
    from privet.types import Warrant
    from privet.vault.checking import Examined

AT_ONCE: Final = 256  # people whose cells are in memory


def sealed_between(run: Run, first: int, last: int) -> None:
    """Everything sealed of the people of one range, under one record."""
    parts = run.parts
    with parts.home.data.read() as tx:
        named = BitMap()
        for table in ("head", "contribution", "segment_member"):
            rows = tx.all(
                f"SELECT DISTINCT sno FROM {table} WHERE sno BETWEEN ? AND ?", (first, last)
            )
            named.update([int(row[0]) for row in rows])
    warrant = housekeeping(parts, run.caller, TASK, named)
    for low in range(first, last + 1, AT_ONCE):
        _some(run, warrant, list(range(low, min(low + AT_ONCE - 1, last) + 1)))
        run.advance(AT_ONCE)


def _some(run: Run, warrant: Warrant, snos: list[int]) -> None:
    parts = run.parts
    seen = parts.vault.examine(warrant, snos)
    with parts.home.data.read() as tx:
        fenced = fenced_among(tx, set(snos))
        people = BitMap({head.sno for head in seen.heads})
        run.proof.add(seen.aged, bounds(tx, parts, people) if seen.aged else ())
    run.people += len(people)
    run.heads += len(seen.heads)
    run.cells += seen.cells
    run.counts += seen.faults
    run.writer.add(seen.heads)
    if run.compared is not None:
        run.compared.some(seen.heads, snos[-1])
    used = _contributed(run, warrant, snos)
    _unkeyed(run, seen, fenced, used)
    _linked(run, seen, snos, fenced, used)


def _unkeyed(run: Run, seen: Examined, fenced: set[int], used: set[tuple[int, str]]) -> None:
    """Data without a key, and keys without data."""
    names = run.parts.vault.domain_names
    for sno, dom in seen.keyless:
        with run.parts.home.data.read() as tx:
            leaving = sno in fenced or has_ended(tx, run.parts, sno, purpose_of(names[dom]))
        run.counts["key.erasing" if leaving else "key.missing"] += 1
    unused = sum((sno, names.get(dom, "")) not in used for sno, dom in seen.dataless)
    run.counts["key.unused"] += unused


def _linked(
    run: Run, seen: Examined, snos: list[int], fenced: set[int], used: set[tuple[int, str]]
) -> None:
    """Ids without data, and data without an id."""
    with run.parts.home.keys.read() as tx:
        rows = tx.all(
            "SELECT DISTINCT sno FROM subject_ref WHERE sno BETWEEN ? AND ?", (snos[0], snos[-1])
        )
    linked = {int(row[0]) for row in rows}
    sealed = {head.sno for head in seen.heads} | {sno for sno, _ in used}
    keyed = sealed | {sno for sno, _ in seen.dataless}
    # The ids were read last: who came or was erased since the rest was read is looked at again.
    bare = sorted(linked - keyed - fenced)
    run.counts["ref.dataless"] += len(set(bare) - run.parts.vault.keyed_domains(bare).keys())
    lost = sealed - linked - fenced
    with run.parts.home.data.read() as tx:
        leaving = fenced_among(tx, lost) if lost else set()
        run.counts["ref.missing"] += sum(
            tx.one("SELECT 1 FROM head WHERE sno = ?", (sno,)) is not None for sno in lost - leaving
        )


def _contributed(run: Run, warrant: Warrant, snos: list[int]) -> set[tuple[int, str]]:
    """Open contributions and placements; the people and domains that they are sealed under."""
    with run.parts.home.data.read() as tx:
        kinds = {
            "contribution": _kept(tx, "contribution", "c.lineage", snos),
            "member": _kept(tx, "segment_member", "0", snos),
        }
    used: set[tuple[int, str]] = set()
    for kind, rows in kinds.items():
        grouped: dict[tuple[str, int, int], dict[int, bytes]] = {}
        for sno, model, lineage, purpose, ct in rows:
            used.add((int(sno), str(purpose)))
            if warrant.covers(int(sno)):
                place = str(purpose), int(model), int(lineage)
                grouped.setdefault(place, {})[int(sno)] = bytes(ct)
        for (purpose, model, lineage), sealed in grouped.items():
            label = membership.label(model)
            if kind == "contribution":
                label = versions.contribution_label(model, lineage)
            _opened(run, warrant, kind, (purpose, label), sealed)
    return used


def _kept(tx: Tx, table: str, lineage: str, snos: list[int]) -> list[tuple[Any, ...]]:
    return tx.all(
        f"SELECT c.sno, c.model, {lineage}, l.purpose, c.ct FROM {table} c "
        "JOIN model_live l ON l.model = c.model WHERE c.sno BETWEEN ? AND ? ORDER BY c.sno",
        (snos[0], snos[-1]),
    )


def _opened(
    run: Run, warrant: Warrant, kind: str, place: tuple[str, bytes], sealed: dict[int, bytes]
) -> None:
    try:
        opened = run.parts.vault.open_many(warrant, *place, sealed)
    except IntegrityError:
        opened = {}
        for sno, ct in sealed.items():
            try:
                opened |= run.parts.vault.open_many(warrant, *place, {sno: ct})
            except IntegrityError:
                run.counts[f"{kind}.sealed"] += 1
                opened[sno] = b""
    gone = sorted(sealed.keys() - opened.keys())
    if gone:  # a key that was destroyed since is no fault: the row goes with it
        run.counts[f"{kind}.keyless"] += len(_still(run, kind, place[1], gone))


def _still(run: Run, kind: str, label: bytes, snos: Iterable[int]) -> list[int]:
    table = "contribution" if kind == "contribution" else "segment_member"
    with run.parts.home.data.read() as tx:
        fenced = fenced_among(tx, set(snos))
        return [
            sno
            for sno in snos
            if sno not in fenced
            and tx.one(f"SELECT 1 FROM {table} WHERE sno = ?", (sno,)) is not None
        ]
