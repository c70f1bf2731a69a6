"""Weights of a hybrid, chosen on what people had beside what it was told of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privet.recommend.boosting import boost, nothing
from privet.recommend.cards import UNIT, listwise, logistic, whole
from privet.recommend.evidence import FRESH, SEEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from privet.recommend.evidence import Sources
    from privet.recommend.history import History
    from privet.recommend.holdout import Held

NAMES = (
    *(f"seen.{name}" for name in SEEN),
    *("fresh", "fresh.score", "start"),
    *(f"fresh.{name}" for name in FRESH),
)
"""The weights in their order; ``fresh`` and ``fresh.score`` put both cards on one scale."""
PRIOR = {
    "seen.groups-log": 1.0,
    "seen.ease-root": 0.5,
    "fresh": -2.0,
    "fresh.score": 1.0,
    "fresh.ease-root": 1.5,
    "fresh.near-log": 0.2,
    "fresh.p28": 0.3,
}
"""Where the weights stay if there is nothing to choose them on."""
CARDS = len(SEEN) + 3
NEAREST = 40
"""Candidates of a person that the card of both is weighed on."""
ASKED = 4000
"""People of a window that are asked about, the window's others in turn: enough for weights, and
bounded however many there are."""
LEAST_SCALE = 0.05


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Weights:
    """The two cards.

    Attributes:
        seen: of the evidence for entries of her history, then the start.
        fresh: of the evidence for others.
        offset: what puts the score of others on the scale of the first.
        scale: likewise, above 0.
    """

    seen: np.ndarray
    fresh: np.ndarray
    offset: float
    scale: float

    @classmethod
    def of(cls, units: np.ndarray) -> Weights:
        """Of millionths, in the order of ``NAMES``, the weights of further evidence after them."""
        weights = units / UNIT
        seen, (offset, scale, start) = weights[: len(SEEN)], weights[len(SEEN) : CARDS]
        return cls(np.append(seen, start), weights[CARDS:], offset + start, scale)


def fixed(weights: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    """Weights by name in millionths; 0 where not named, but 1 for the scale of others."""
    given = {"fresh.score": 1.0, **weights}
    return whole(np.array([given.get(name, 0.0) for name in names]))


@dataclass(slots=True, repr=False)
class _Seen:
    """Evidence of one person's candidates at the start of a window."""

    fresh: np.ndarray
    fresh_taken: np.ndarray
    own: np.ndarray
    own_taken: np.ndarray
    other: np.ndarray
    other_taken: np.ndarray


def choose(
    held_out: Iterable[Held],
    learn: Callable[[Sequence[History], int], Sources],
    prior: np.ndarray,
) -> dict[str, np.ndarray]:
    """Weights in millionths, and trees, by which what was known told best what came beside it.

    The parts are learned from what is known each time, and asked about the rest alone.

    Args:
        held_out: what people are known by, and what is asked for.
        learn: makes the parts of histories up to a day.
        prior: the weights to stay near.
    """
    found: list[_Seen] = []
    for turn, held in enumerate(held_out):
        sources = learn(held.past, held.day)
        known = [
            pair for pair in zip(held.past, held.came, strict=True) if len(pair[0]) and len(pair[1])
        ]
        every = -(-len(known) // ASKED) or 1
        found += [_look(sources, *pair, held) for pair in known[turn % every :: every]]
    if not found:
        return {"weights": whole(prior), "trees": nothing()}
    fresh = _fresh(found, prior[CARDS:])
    both = _both(found, fresh, prior[:CARDS])
    return {"weights": whole(np.concatenate([both, fresh])), "trees": _trees(found, both)}


def _look(sources: Sources, before: History, came: np.ndarray, held: Held) -> _Seen:
    together = sources.together(before, held.day)
    own, habit = sources.seen(before, held.day, together)
    look = sources.first_look(before, together)
    taken = np.zeros(len(look), np.bool_)
    taken[came] = True
    others = sources.candidates(together.said, own)
    if held.nearest is not None:
        others = others[np.argsort(-together.said[others], kind="stable")[: held.nearest]]
        own, habit = own[:0], habit[:0]  # what she had cannot come again: nothing to learn of it
    # Of both together only the nearest: what nobody would list teaches nothing of lists.
    both = np.sort(np.concatenate([look[own], look[others]]))
    least = both[-min(NEAREST, len(both))] if len(both) else 0.0
    mine, near_by = look[own] >= least, look[others] >= least
    # Held for everybody at once: single precision halves that.
    evidence = sources.fresh(before, together, others).astype(np.float32)
    habit = habit.astype(np.float32)
    some = bool(taken[others].any())  # a list of which nothing was taken teaches no order
    return _Seen(
        evidence if some else evidence[:0].copy(),
        taken[others if some else others[:0]],
        habit[mine],
        taken[own[mine]],
        evidence[near_by],
        taken[others[near_by]],
    )


def _fresh(found: Sequence[_Seen], prior: np.ndarray) -> np.ndarray:
    some = [seen for seen in found if len(seen.fresh)]
    if not some:
        return prior
    evidence = np.concatenate([seen.fresh for seen in some])
    taken = np.concatenate([seen.fresh_taken for seen in some])
    starts = np.cumsum([0, *(len(seen.fresh) for seen in some)])
    for seen in some:
        seen.fresh = seen.fresh[:0].copy()  # it is the greater part of what is held
    return listwise(evidence, taken, starts, prior)


def _both(found: Sequence[_Seen], fresh: np.ndarray, prior: np.ndarray) -> np.ndarray:
    own = np.concatenate([seen.own for seen in found])
    score = np.concatenate([seen.other for seen in found]) @ fresh
    evidence = np.zeros((len(own) + len(score), CARDS))
    evidence[: len(own), : len(SEEN)] = own
    evidence[len(own) :, len(SEEN)] = 1
    evidence[len(own) :, len(SEEN) + 1] = score
    evidence[:, -1] = 1
    taken = np.concatenate([seen.own_taken for seen in found])
    others = np.concatenate([seen.other_taken for seen in found])
    weights = logistic(evidence, np.concatenate([taken, others]), prior)
    weights[len(SEEN) + 1] = max(weights[len(SEEN) + 1], LEAST_SCALE)  # keep the order of others
    return weights


def _trees(found: Sequence[_Seen], both: np.ndarray) -> np.ndarray:
    """What the card of entries she had misses, where evidence matters together."""
    own = np.concatenate([seen.own for seen in found])
    taken = np.concatenate([seen.own_taken for seen in found])
    return boost(own, taken, own @ both[: len(SEEN)] + both[-1]).units()
