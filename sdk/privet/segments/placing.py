"""Which moves between segments are applied to what is released: none from which one is read.

Two releases of a segment differ by the people who joined or left in between. Were one
person to move, the difference would tell it: of a figure (49 cooks yesterday, 50 today) or
of a list (Tracker & Barnes, *Statistical disclosure control*: differencing). So a segment
changes by nobody, or by at least ``least`` people; smaller moves wait until others join
them, measured from what was released last, so that they add up rather than get lost.

Leaving for want of a ground cannot wait: whoever withdrew is in no list from then on. She
still counts as a difference, because the figures released before were made with her.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Placing:
    """Where everybody is placed for what is released.

    Attributes:
        where: person to segment; those who wait to join have none.
        fresh: segments whose figures are made anew: nobody differs, or enough do.
        waiting: how many moves wait.
        differing: how many people differ in all from what was released last.
    """

    where: Mapping[int, str]
    fresh: frozenset[str]
    waiting: int
    differing: int


def place(
    before: Mapping[int, str],
    after: Mapping[int, str],
    counted: Mapping[str, int],
    least: int,
) -> Placing:
    """Apply the moves that enough people make.

    Every segment of the result differs from the released one by nobody or by at least
    ``least`` people; or by a few who left alone, and then its figures stay as they were.

    Args:
        before: where those who still have a ground are placed.
        after: where the model puts them, and those who are new; nobody else is placed.
        counted: how many people the figures released last were made of, by segment.
        least: the fewest people that may differ.
    """
    moves = {p: (before.get(p), to) for p, to in after.items() if before.get(p) != to}
    stayed = Counter(before[p] for p in after if p in before)
    left = {s: n - stayed[s] for s, n in counted.items()}
    names = {*counted, *stayed, *after.values()}
    while True:
        differing = _differing(moves.values(), left, names)
        small = {s for s, n in differing.items() if 0 < n < least}
        kept = {p: move for p, move in moves.items() if small.isdisjoint(move)}
        if len(kept) == len(moves):
            break
        moves = kept
    where = {p: before[p] for p in after if p in before and p not in moves}
    where |= {p: to for p, (_, to) in moves.items()}
    there = frozenset(where.values())
    waiting = sum(where.get(p) != to for p, to in after.items())
    gone = sum(max(n, 0) for n in left.values())
    return Placing(where, there - small, waiting, len(moves) + gone)


def _differing(
    moves: Iterable[tuple[str | None, str]], left: Mapping[str, int], names: Iterable[str]
) -> dict[str, int]:
    differing = {s: max(left.get(s, 0), 0) for s in names}
    for source, target in moves:
        differing[target] += 1
        if source is not None:
            differing[source] += 1
    return differing


def shared(paths: Iterable[tuple[str, ...]], least: int) -> dict[tuple[str, ...], int]:
    """The ways that at least ``least`` people went; a way of fewer singles somebody out."""
    return {path: n for path, n in sorted(Counter(paths).items()) if n >= least}


def coarse(count: int, least: int) -> int:
    """A count as it may be shown: in whole tens (or ``least``), 0 for fewer than ``least``."""
    step = min(10, least)
    return 0 if count < least else count // step * step
