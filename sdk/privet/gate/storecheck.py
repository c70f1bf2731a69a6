"""One pass over everything that is kept: is it whole, does it agree, is nothing kept too long?

It runs under ``privet:administration`` (the security of processing, GDPR Art. 32), as the other
housekeeping does: a record that names the people of each range is durable before a head of
theirs is opened, and a last one holds what was found. Nothing of a person is released: not a
value, not who; instants come out as the day of the oldest row of a purpose and category.

Memory holds some hundred people's cells at a time; writers and readers go on. Each snapshot is
short but those in which the grounds of 65,536 people are recounted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pyroaring import BitMap

from privet.consent import changes_of
from privet.db import Tx
from privet.errors import IntegrityError, PrivetError
from privet.gate import membership, shortening, storefaults, versions
from privet.gate.catchup import fenced_among
from privet.gate.kept import Kept, Proof, bounds, purpose_of
from privet.gate.parts import Caller, Parts
from privet.gate.record import entry
from privet.gate.rollback import Compared
from privet.gate.storedigest import Earlier, Writer, unrecorded
from privet.gate.storefaults import Fault
from privet.types import ADMINISTRATION, Warrant
from privet.vault.checking import Examined

Progress = Callable[[int, int], None]
TASK: Final = "store-check"
RANGE: Final = 1 << 16  # people whom one record names
AT_ONCE: Final = 256  # people whose cells are in memory
LEAVES: Final = 2_000


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What a look at the whole store found; only numbers.

    Attributes:
        record: index of the record that holds it.
        people: of how many something is sealed.
        heads: how many heads.
        cells: how many cells.
        entries: how many ground leaves of the log were compared with the ledger.
        faults: what is wrong, the broken promises first.
        kept: the retention proof, by purpose and category.
        digest: SHA-256 over all heads, hex.
    """

    record: int
    people: int
    heads: int
    cells: int
    entries: int
    faults: tuple[Fault, ...]
    kept: tuple[Kept, ...]
    digest: str

    @property
    def ok(self) -> bool:
        """Whether no promise is broken."""
        return all(fault.state != "fail" for fault in self.faults)


@dataclass(slots=True)
class _Run:
    """What one pass has gathered so far."""

    parts: Parts
    caller: Caller
    proof: Proof
    writer: Writer
    compared: Compared | None
    progress: Progress
    counts: Counter[str] = field(default_factory=Counter)
    people: int = 0
    heads: int = 0
    cells: int = 0
    entries: int = 0
    done: int = 0
    total: int = 0

    def advance(self, by: int) -> None:
        self.done += by
        self.progress(min(self.done, self.total), self.total)


def check(
    parts: Parts,
    caller: Caller,
    progress: Progress,
    digest: Path | None = None,
    against: Path | None = None,
) -> StoreCheck:
    """Look at everything once; see the module.

    Args:
        parts: the open deployment.
        caller: who looks.
        progress: is told how much is done, and of how much.
        digest: a new file for the digest of all heads.
        against: an earlier digest's file, to compare with.

    Raises:
        InvalidInput: a file is none, or there already (``digest.form``, ``digest.exists``).
        IntegrityError: the earlier digest is not what was written (``digest.broken``,
            ``digest.unrecorded``).
        AuditUnavailable: the look could not be recorded; nothing was opened.
    """
    parts.check_current()
    parts.vault.renew_layout()
    earlier = None if against is None else _earlier(parts, against)
    with parts.home.data.read() as tx:
        position = parts.ledger.position(tx)
    writer = Writer(parts.home.deployment, position, parts.now, digest)
    proof = Proof(parts.policy, parts.vault.domain_names, parts.vault.groups, parts.now)
    compared = None if earlier is None else Compared(parts, earlier)
    run = _Run(parts, caller, proof, writer, compared, progress)
    try:
        return _through(run)
    except BaseException:
        writer.abandon()
        raise


def _through(run: _Run) -> StoreCheck:
    parts = run.parts
    highest, size = _highest(parts), parts.log.size()
    run.total = highest + size + highest
    for first in range(0, highest + 1, RANGE):
        _sealed(run, first, min(first + RANGE - 1, highest))
    if run.compared is not None:
        run.compared.end()
        run.counts += run.compared.faults
    _recounted(run, size)
    for first in range(0, highest + 1, RANGE):
        with parts.home.data.read() as tx:
            run.counts += parts.ledger.recount().grounds(tx, first // RANGE)
        run.advance(RANGE)
    _models(run)
    run.counts += run.proof.faults
    if run.proof.late:  # what no sweep would find by itself
        with parts.home.data.write() as tx:
            shortening.note(tx, run.proof.late, again=False)
    found = {code: n for code, n in sorted(run.counts.items()) if n}
    record = parts.log.append([_concluded(run, found)])[0]
    run.writer.close(record)
    return StoreCheck(
        record=record,
        people=run.people,
        heads=run.heads,
        cells=run.cells,
        entries=run.entries,
        faults=storefaults.told(found),
        kept=run.proof.told(parts),
        digest=run.writer.digest.hex(),
    )


def _concluded(run: _Run, found: dict[str, int]) -> Any:
    return entry(
        run.parts,
        run.caller,
        "admin",
        purpose=ADMINISTRATION,
        action="administer",
        subject="store",
        task=TASK,
        people=run.people,
        cells=run.cells,
        found=found,
        digest=run.writer.digest.hex(),
    )


def _earlier(parts: Parts, path: Path) -> Earlier:
    """An earlier digest that the log knows."""
    earlier = Earlier.read(path, parts.home.deployment)
    for _, body in parts.log.leaves(earlier.record, 1):
        if body.get("task") == TASK and body.get("digest") == earlier.digest.hex():
            return earlier
    raise unrecorded()


def _highest(parts: Parts) -> int:
    """The highest ordinal that anything is kept of."""
    tables = ("head", "cell", "contribution", "segment_member", "ledger", "ground", "fence")
    with parts.home.data.read() as tx:
        rows = [tx.one(f"SELECT COALESCE(MAX(sno), 0) FROM {table}") for table in tables]
    with parts.home.keys.read() as tx:
        rows += [
            tx.one(f"SELECT COALESCE(MAX(sno), 0) FROM {table}")
            for table in ("subject_key", "subject_ref")
        ]
    return max(int(row[0]) for row in rows if row is not None)


# --- what is sealed ------------------------------------------------------------------------


def _sealed(run: _Run, first: int, last: int) -> None:
    """Everything sealed of the people of one range, under one record."""
    parts = run.parts
    with parts.home.data.read() as tx:
        named = BitMap()
        for table in ("head", "contribution", "segment_member"):
            rows = tx.all(
                f"SELECT DISTINCT sno FROM {table} WHERE sno BETWEEN ? AND ?", (first, last)
            )
            named.update([int(row[0]) for row in rows])
    warrant = parts.log.authorise(
        entry(
            parts,
            run.caller,
            "access",
            purpose=ADMINISTRATION,
            action="administer",
            subjects=named,
            task=TASK,
        )
    )
    for low in range(first, last + 1, AT_ONCE):
        _some(run, warrant, list(range(low, min(low + AT_ONCE - 1, last) + 1)))
        run.advance(AT_ONCE)


def _some(run: _Run, warrant: Warrant, snos: list[int]) -> None:
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


def _unkeyed(run: _Run, seen: Examined, fenced: set[int], used: set[tuple[int, str]]) -> None:
    """Data without a key, and keys without data."""
    names = run.parts.vault.domain_names
    for sno, dom in seen.keyless:
        leaving = sno in fenced or _has_ended(run.parts, sno, purpose_of(names[dom]))
        run.counts["key.erasing" if leaving else "key.missing"] += 1
    unused = sum((sno, names.get(dom, "")) not in used for sno, dom in seen.dataless)
    run.counts["key.unused"] += unused


def _has_ended(parts: Parts, sno: int, purpose: str) -> bool:
    """Whether what her data was collected for is over: then maintenance deletes the rest."""
    if purpose not in parts.policy.purposes:
        return False
    with parts.home.data.read() as tx:
        return not parts.ledger.standing(tx, sno, purpose, parts.now).active


def _linked(
    run: _Run, seen: Examined, snos: list[int], fenced: set[int], used: set[tuple[int, str]]
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


def _contributed(run: _Run, warrant: Warrant, snos: list[int]) -> set[tuple[int, str]]:
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
    run: _Run, warrant: Warrant, kind: str, place: tuple[str, bytes], sealed: dict[int, bytes]
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


def _still(run: _Run, kind: str, label: bytes, snos: Iterable[int]) -> list[int]:
    table = "contribution" if kind == "contribution" else "segment_member"
    with run.parts.home.data.read() as tx:
        fenced = fenced_among(tx, set(snos))
        return [
            sno
            for sno in snos
            if sno not in fenced
            and tx.one(f"SELECT 1 FROM {table} WHERE sno = ?", (sno,)) is not None
        ]


# --- what the log says ---------------------------------------------------------------------


def _recounted(run: _Run, size: int) -> None:
    """The ledger is the log's ground leaves, and every erasure fences."""
    parts, recount = run.parts, run.parts.ledger.recount()
    first = 0
    with parts.home.data.read() as tx:
        last = parts.ledger.position(tx)
    for leaves, upto in _pages(parts, last):
        grounds = [(seq, body["ground"]) for seq, body in leaves if body["kind"] == "ground"]
        said = {seq: changes_of(leaf) for seq, leaf in grounds}
        expected = {seq: (one[0].sno, recount.text(one)) for seq, one in said.items()}
        begun = {int(str(b["sno"])) for _, b in leaves if b["kind"] == "erase.intent"}
        with parts.home.data.read() as tx:
            everybody = {sno for sno, _ in expected.values()} | begun
            fenced = fenced_among(tx, everybody) if everybody else set()
            run.counts += recount.ledger(tx, expected, first, upto, BitMap(fenced))
        run.counts["fence.missing"] += len(begun - fenced)
        run.entries += len(expected)
        run.advance(upto + 1 - first)
        first = upto + 1
    run.advance(max(size - first, 0))


def _pages(parts: Parts, last: int) -> Iterator[tuple[list[tuple[int, dict[str, Any]]], int]]:
    """The leaves that state is rebuilt from, some thousand at a time, up to where they reach."""
    page: list[tuple[int, dict[str, Any]]] = []
    for seq, body in parts.log.redo(-1, last):
        page.append((seq, body))
        if len(page) == LEAVES:
            yield page, seq
            page = []
    yield page, last


# --- models --------------------------------------------------------------------------------


def _models(run: _Run) -> None:
    parts = run.parts
    with parts.home.data.read() as tx:
        found = [versions.version_of(row) for row in tx.all(versions.COLUMNS)]
        gone = {(int(m), int(v)) for m, v in tx.all("SELECT model, version FROM model_gone")}
        pages = {
            (int(m), int(v)) for m, v in tx.all("SELECT DISTINCT model, version FROM model_page")
        }
    keyed = parts.keys.model_versions()
    known = {(version.model, version.version) for version in found}
    run.counts["model.pages"] += len(pages - known)
    run.counts["model.key"] += len(keyed - known - gone)
    for version in found:
        if (version.model, version.version) not in keyed:
            run.counts["model.keyless"] += _is_there(parts, version)
        else:
            run.counts["model.sealed"] += _is_damaged(parts, version)


def _is_damaged(parts: Parts, version: versions.Version) -> bool:
    with parts.home.data.read() as tx:
        pages = versions.pages_of(tx, version.version)
    try:
        versions.unseal(parts, version, pages)
    except PrivetError:
        return _is_there(parts, version)
    return False


def _is_there(parts: Parts, version: versions.Version) -> bool:
    """Whether it was not taken away since it was read."""
    with parts.home.data.read() as tx:
        sql = "SELECT 1 FROM model WHERE model = ? AND version = ?"
        return tx.one(sql, (version.model, version.version)) is not None
