"""Re-cutting: small cells into full ones, old layouts into current ones, lapsed rows out.

All three are one operation: open everything of one event in one domain, choose rows, cut
them anew under fresh numbers, and put the new cells in place of the old if nobody wrote
in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from privet.clock import DAY_US
from privet.errors import StoreUnavailable
from privet.vault.batch import CELL_ROWS, LONG_HISTORY, LONG_ROWS, NEVER, WEEK_US, Cut
from privet.vault.codec import Column, Decoded, Ints, Layout, encode, nulls_in
from privet.vault.joining import Joined, join, latest
from privet.vault.layout import KEY_SUFFIX
from privet.vault.pen import Pen, open_pen, put
from privet.vault.reading import PROFILE, Room, Row, decode_cells
from privet.vault.rows import ordinals

if TYPE_CHECKING:
    from pyroaring import BitMap

    from privet.db import Tx

# A merge costs a few milliseconds once; every small cell costs each read that follows. On a
# year of visits, 4 read three times as many events a second as 16, on 0.6 of the disk.
CROWDED: Final = 4
_ATTEMPTS: Final = 8
_AT_ONCE: Final = 8192
_CROWDED: Final = """
SELECT sno FROM cell WHERE sno BETWEEN ? AND ? AND n < ?
GROUP BY sno, dom, grp HAVING COUNT(*) >= ?
"""
Choose = Callable[[int, str, list[Row]], list[Row]]
Keep = Callable[[int, str, Ints], npt.NDArray[np.bool_]]
Span = Callable[[int, list[Row]], int | None]
_STALE_WEEKS: Final = 3
_MONTHS_DIFFER_US: Final = 3 * DAY_US  # the same months are not as many days from every date


@dataclass(frozen=True, slots=True)
class Overdue:
    """Subjects that maintenance should visit; nothing of law depends on it.

    Attributes:
        lapsed: a cell's first event has passed its retention.
        crowded: many small cells have gathered.
        outdated: cells of a layout that the policy no longer uses.
    """

    lapsed: BitMap
    crowded: BitMap
    outdated: BitMap


@dataclass(frozen=True, slots=True)
class Recut:
    """How many cells went for good, and how many events were dropped."""

    cells: int
    events: int


def overdue(room: Room, tx: Tx, now: int) -> Overdue:
    """Who has lapsed, crowded or outdated cells at ``now`` (UTC µs)."""
    return Overdue(lapsed(tx, now), crowded(tx), outdated(room, tx))


def lapsed(tx: Tx, now: int) -> BitMap:
    """Who has a cell whose first event has passed its retention at ``now`` (UTC µs)."""
    return ordinals(tx, "SELECT sno FROM cell WHERE lapses <= ?", (now // WEEK_US,))


def crowded(tx: Tx) -> BitMap:
    """Who has so many small cells that merging them is worth it.

    Some thousand people at a time: the database counts their cells in memory.
    """
    from pyroaring import BitMap

    low, high = tx.all("SELECT MIN(sno), MAX(sno) FROM cell")[0]
    found = BitMap()
    for first in range(low or 0, (-1 if high is None else high) + 1, _AT_ONCE):
        bounds = first, first + _AT_ONCE - 1, CELL_ROWS // 2, CROWDED
        found |= ordinals(tx, _CROWDED, bounds)
    return found


def outdated(room: Room, tx: Tx) -> BitMap:
    """Who has cells of a layout that the policy does not use any more."""
    return _with_groups(tx, room.layouts.outdated())


def compact(room: Room, sno: int) -> int:
    """Merge a subject's small cells and re-seal outdated ones; how many cells fewer."""

    def choose(_dom: int, event: str, cells: list[Row]) -> list[Row]:
        return _worth_merging(room, event, cells)

    def keep(_dom: int, _event: str, at: Ints) -> npt.NDArray[np.bool_]:
        return np.ones(len(at), bool)

    return _recut(room, sno, choose, keep, whole=True).cells


def wide(room: Room, tx: Tx) -> BitMap:
    """Who has a cell that holds together what the current atoms keep apart."""
    return _with_groups(tx, room.layouts.wide())


def _with_groups(tx: Tx, grps: Sequence[int]) -> BitMap:
    from pyroaring import BitMap

    if not grps:
        return BitMap()
    marks = ", ".join("?" * len(grps))
    return ordinals(tx, f"SELECT sno FROM cell WHERE grp IN ({marks})", grps)


def due(room: Room, now: int, doms: Sequence[int], snos: Sequence[int]) -> list[int]:
    """Those of these people with a cell in these domains whose first event has lapsed.

    Args:
        room: the open vault.
        now: UTC µs.
        doms: numbers of the domains.
        snos: ascending ordinals.
    """
    marks = ", ".join("?" * len(doms))
    sql = f"SELECT DISTINCT sno FROM cell WHERE sno = ? AND lapses <= ? AND dom IN ({marks})"
    week = now // WEEK_US
    with room.data.read() as tx:
        return [sno for sno in snos if tx.one(sql, (sno, week, *doms)) is not None]


def sweep(
    room: Room, sno: int, now: int, cutoffs: Mapping[int, int], *, every: bool = False
) -> int:
    """Drop a subject's events older than their domain's cutoff; how many went.

    An event whose fields lie in two domains counts in each. ``every``: look at all cells, and
    give those that stay the week that the cutoff asks for.
    """
    week = now // WEEK_US

    def choose(dom: int, _event: str, cells: list[Row]) -> list[Row]:
        lapsed = {c[2] for c in cells if every or c[5] <= week}
        return [c for c in cells if c[2] in lapsed] if dom in cutoffs else []

    def keep(dom: int, event: str, at: Ints) -> npt.NDArray[np.bool_]:
        # A tag knows only its day; it must not go before its event does.
        slack = DAY_US if event.endswith(KEY_SUFFIX) else 0
        return np.asarray(at + slack >= cutoffs[dom])

    def span(dom: int, cells: list[Row]) -> int | None:
        # What is kept longer now than when it was sealed is not looked at again each time.
        stale = dom in cutoffs and (every or all(c[5] < week - _STALE_WEEKS for c in cells))
        return now - cutoffs[dom] - _MONTHS_DIFFER_US if stale else None

    return _recut(room, sno, choose, keep, span, whole=False).events


def _never(_dom: int, _cells: list[Row]) -> int | None:
    return None


def _recut(
    room: Room, sno: int, choose: Choose, keep: Keep, span: Span = _never, *, whole: bool
) -> Recut:
    """Open the chosen cells, keep some rows, put freshly cut cells in their place.

    Args:
        room: the open vault.
        sno: whose cells.
        choose: the cells to open, from those of one domain and event.
        keep: which of their rows stay, by time.
        span: the time from event to lapse that holds for cells from now on, where it is
            another than they were sealed with (µs).
        whole: re-cut even where every row stays.
    """
    for _ in range(_ATTEMPTS):
        pen = open_pen(room, [sno], (), list(room.layouts.purposes), list(room.layouts.by_grp))
        next_seq = {pair: m.next_seq for pair, m in pen.manifests.items()}
        dropped = 0
        for dom, event, cells in by_event(room, pen):
            chosen = choose(dom, event, cells)
            if chosen:
                dropped += _again(
                    pen, dom, event, chosen, keep, next_seq, span(dom, chosen), whole=whole
                )
        pairs = sorted(pen.gone)
        if not pairs:
            return Recut(0, 0)
        changes = [pen.close(p, next_seq[p], pen.manifests[p].next_row) for p in pairs]
        with room.data.write() as tx:
            if put(room, tx, changes, {}):
                return Recut(sum(len(c.gone) - len(c.cells) for c in changes), dropped)
    raise StoreUnavailable(
        "a subject's cells could not be re-cut",
        why="others kept writing to them",
        remedy="Run maintenance again.",
        reason="store.busy",
    )


def by_event(room: Room, pen: Pen) -> list[tuple[int, str, list[Row]]]:
    """The cells by domain and event, where the policy still knows the event."""
    grouped: dict[tuple[int, str], list[Row]] = {}
    for cell in pen.found:
        event = room.layouts.by_grp[cell[3]].event
        if event in room.layouts.current:
            grouped.setdefault((cell[1], event), []).append(cell)
    return [(dom, event, cells) for (dom, event), cells in grouped.items()]


def _rows_per_cell(rows: int) -> int:
    return LONG_ROWS if rows > LONG_HISTORY else CELL_ROWS


def _worth_merging(room: Room, event: str, cells: list[Row]) -> list[Row]:
    """The small and the outdated cells of one event, if re-cutting makes them fewer."""
    now = {layout.grp for layout in room.layouts.current[event]}
    rows: dict[int, int] = {}
    for cell in cells:
        rows[cell[2]] = max(rows.get(cell[2], 0), cell[4])
    outdated = {c[2] for c in cells if c[3] not in now and _replaced(room, c[3])}
    size = _rows_per_cell(sum(rows.values()))
    small = set() if event == PROFILE else {seq for seq, n in rows.items() if n < size // 2}
    needed = -(-sum(rows[seq] for seq in small) // size)
    chosen = outdated | (small if needed < len(small) else set())
    return [cell for cell in cells if cell[2] in chosen]


def _replaced(room: Room, grp: int) -> bool:
    """Whether current layouts take over some field of this group."""
    old = room.layouts.by_grp[grp]
    return any(old.names & layout.names for layout in room.layouts.current[old.event])


def _again(
    pen: Pen,
    dom: int,
    event: str,
    chosen: list[Row],
    keep: Keep,
    next_seq: dict[tuple[int, int], int],
    span: int | None,
    *,
    whole: bool,
) -> int:
    """Re-cut the chosen cells of one event; how many rows were dropped."""
    room, sno = pen.room, chosen[0][0]
    opened = decode_cells(room, chosen, pen.keys, None)
    joined = join([part for part, _ in opened.values()], [owner for _, owner in opened.values()])
    mask = keep(dom, event, joined.at)
    dropped = int(np.count_nonzero(~mask))
    if not dropped and not whole and span is None:
        return 0
    pen.gone.setdefault((sno, dom), []).extend((c[2], c[3]) for c in chosen)
    columns = {name: values[mask] for name, values in joined.columns.items()}
    kept = Joined(joined.sno[mask], joined.at[mask], joined.row[mask], columns, joined.extra)
    if event == PROFILE and len(kept.at):
        _, columns = latest(kept, kept.sno[:1], np.ones(len(kept.at), bool))
        kept = Joined(kept.sno[-1:], kept.at[-1:], kept.row[-1:], columns, kept.extra)
    total = sum(c[4] for c in pen.found if c[1] == dom and c[3] == chosen[0][3])
    retention = retention_of(chosen, opened) if span is None else span
    cut_again(pen, dom, event, kept, retention, next_seq, total)
    return 0 if event.endswith(KEY_SUFFIX) else dropped


def cut_again(
    pen: Pen,
    dom: int,
    event: str,
    rows: Joined,
    retention: int | None,
    next_seq: dict[tuple[int, int], int],
    total: int = 0,
) -> None:
    """Seal one subject's rows of an event as fresh cells of a domain.

    Args:
        pen: what is written with.
        dom: the domain.
        event: the event, or the tags beside it.
        rows: hers, in order; none writes nothing.
        retention: from ``retention_of`` the cells that they were in.
        next_seq: the next cell number of each subject and domain; moved on.
        total: how many rows the domain holds of the event; those given where left out.
    """
    if not len(rows.at):
        return
    sno = int(rows.sno[0])
    cut = Cut.of(rows.sno, _rows_per_cell(total or len(rows.at)))
    places = cut.places([next_seq[sno, dom]], _weeks_again(rows.at, cut.starts, retention))
    for layout in _targets(pen.room, event, rows.columns):
        part = {n: v for n, v in rows.columns.items() if n in layout.names}
        plains = encode(layout, cut.starts, rows.at, rows.row, part, rows.extra)
        pen.seal(layout, dom, plains, places)
    next_seq[sno, dom] += len(places)


def _targets(room: Room, event: str, columns: Mapping[str, Column]) -> list[Layout]:
    """The layouts that the columns go to: current ones, and old ones for dropped fields."""
    filled = {name for name, values in columns.items() if not nulls_in(values).all()}
    current = list(room.layouts.current[event])
    held = frozenset().union(*(layout.names for layout in current))
    orphans = filled - held
    found = [layout for layout in current if layout.names & filled]
    apart = [x for x in room.layouts.of_event(event) if x.names & orphans and not x.names & held]
    for layout in sorted(apart, key=lambda x: (-len(x.names & orphans), x.grp)):
        if layout.names & orphans:
            found.append(layout)
            orphans -= layout.names
    return found or current[:1]


def retention_of(chosen: Sequence[Row], opened: Mapping[int, tuple[Decoded, Ints]]) -> int | None:
    """The least time from event to lapse that the cells' own lapse weeks allow (µs)."""
    least: int | None = None
    for grp, (decoded, _) in opened.items():
        cells = [c for c in chosen if c[3] == grp]
        starts = np.cumsum([0, *(c[4] for c in cells)])
        first = np.minimum.reduceat(decoded.at, starts[:-1]).tolist()
        for cell, at in zip(cells, first, strict=True):
            if cell[5] < NEVER:
                span = cell[5] * WEEK_US - at
                least = span if least is None else min(least, span)
    return least


def _weeks_again(at: Ints, starts: Ints, retention: int | None) -> Ints:
    """Lapse weeks of the new cells: never later than the rows' own."""
    if retention is None:
        return np.full(len(starts) - 1, NEVER)
    return (np.minimum.reduceat(at, starts[:-1]) + retention) // WEEK_US
