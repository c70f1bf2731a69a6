"""One pass over everything that is kept: is it whole, does it agree, is nothing kept too long?

It runs under ``privet:administration`` (the security of processing, GDPR Art. 32), as the other
housekeeping does: a record that names the people of each range is durable before a head of
theirs is opened, and a last one holds what was found. Nothing of a person is released: not a
value, not who; instants come out as the day of the oldest row of a purpose and category.

Memory holds some hundred people's cells at a time; writers and readers go on. Each snapshot is
short but those in which the grounds of 65,536 people are recounted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyroaring import BitMap

from privet.consent import changes_of
from privet.errors import PrivetError
from privet.gate import shortening, storefaults, versions
from privet.gate.catchup import fenced_among
from privet.gate.kept import Kept, Proof
from privet.gate.record import entry
from privet.gate.rollback import Compared
from privet.gate.storedigest import Earlier, Writer, unrecorded
from privet.gate.storefaults import Fault
from privet.gate.storerun import TASK, Progress, Run
from privet.gate.storesealed import sealed_between
from privet.types import ADMINISTRATION

if TYPE_CHECKING:
    from pathlib import Path

    from privet.gate.parts import Caller, Parts

RANGE: Final = 1 << 16  # people whom one record names
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
    run = Run(parts, caller, proof, writer, compared, progress)
    try:
        return _through(run)
    except BaseException:
        writer.abandon()
        raise


def _through(run: Run) -> StoreCheck:
    parts = run.parts
    highest, size = _highest(parts), parts.log.size()
    run.total = highest + size + highest
    for first in range(0, highest + 1, RANGE):
        sealed_between(run, first, min(first + RANGE - 1, highest))
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


def _concluded(run: Run, found: dict[str, int]) -> Any:
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


# --- what the log says ---------------------------------------------------------------------


def _recounted(run: Run, size: int) -> None:
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


def _models(run: Run) -> None:
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
