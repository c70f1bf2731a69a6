"""Which moves between segments are applied to what is released: none from which one is read.

Two releases of a segment differ by the people who joined or left in between. Were one
person to move, the difference would tell it: of a figure (49 cooks yesterday, 50 today) or
of a list (Tracker & Barnes, *Statistical disclosure control*: differencing). So a segment
changes by nobody, or by at least ``least`` people; smaller moves wait until others join
them, measured from what was released, so that they add up rather than get lost. Measured
from *each* earlier release, since anybody may lay this week's beside that of a month ago.

Leaving for want of a ground cannot wait: whoever withdrew is in no list from then on. She
still counts as a difference, because the figures released before were made with her.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Told:
    """An earlier release, as far as its people still have a ground.

    Attributes:
        where: person to segment.
        counted: segment to how many people its figures were made of, those who left included.
    """

    where: Mapping[int, str]
    counted: Mapping[str, int]


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


NOTHING = Told({}, {})
"""What was released before the first release."""


def place(past: Sequence[Told], after: Mapping[int, str], least: int) -> Placing:
    """Apply the moves that enough people make.

    Every segment of the result differs from each earlier release by nobody or by at least
    ``least`` people; or by a few who left alone, and then its figures stay as they were.

    Args:
        past: what was released, oldest first.
        after: where the model puts people; whoever is in none of its segments moves out.
        least: the fewest people that may differ.
    """
    last = past[-1] if past else NOTHING
    everybody = last.where.keys() | after.keys()
    moves = {p: after.get(p) for p in everybody if last.where.get(p) != after.get(p)}
    while True:
        where = {p: s for p, s in {**last.where, **moves}.items() if s is not None}
        small = frozenset[str]().union(
            *(_too_near(told, where, least) for told in past or [NOTHING])
        )
        kept = {p: to for p, to in moves.items() if small.isdisjoint((last.where.get(p), to))}
        if len(kept) == len(moves):
            break
        moves = kept
    waiting = sum(where.get(p) != after.get(p) for p in everybody)
    left = sum(max(n, 0) for n in _left(last).values())
    return Placing(where, frozenset(where.values()) - small, waiting, len(moves) + left)


def _left(told: Told) -> dict[str, int]:
    """How many left each segment of a release since, for want of a ground."""
    stayed = Counter(told.where.values())
    return {segment: n - stayed[segment] for segment, n in told.counted.items()}


def _too_near(told: Told, where: Mapping[int, str], least: int) -> set[str]:
    """Segments that differ from a release by fewer than ``least`` people, and not by nobody."""
    differing = Counter({segment: max(n, 0) for segment, n in _left(told).items()})
    for p in where.keys() | told.where.keys():
        now, was = where.get(p), told.where.get(p)
        if now != was:
            differing.update(segment for segment in (now, was) if segment is not None)
    return {segment for segment, n in differing.items() if 0 < n < least}


def shared(paths: Iterable[tuple[str, ...]], least: int) -> dict[tuple[str, ...], int]:
    """The ways that at least ``least`` people went; a way of fewer singles somebody out."""
    return {path: n for path, n in sorted(Counter(paths).items()) if n >= least}


def coarse(count: int, least: int) -> int:
    """A count as it may be shown: in whole tens (or ``least``), 0 for fewer than ``least``."""
    step = min(10, least)
    return 0 if count < least else count // step * step
