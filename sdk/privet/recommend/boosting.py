"""Small trees that mend a sum of evidence where two or three things matter together.

Gradient boosting (Friedman, "Greedy Function Approximation", 2001) of the logistic loss, from
the scores of a card on. The trees are oblivious (Prokhorenkova et al., "CatBoost", NeurIPS
2018): all nodes of a depth ask the same question, so a tree is a table of as many entries as
there are answers, and many are looked up at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from privet.recommend.cards import UNIT, chance, whole

TREES = 100
DEPTH = 3
LEAVES = 1 << DEPTH
RATE = 0.1
PULL = 20.0
"""What keeps a leaf of few rows near nothing, in units of the loss's curvature."""
BINS = 32
STRIDE = 2
"""Each tree learns from every so-many-th row, and asks about that part of the evidence."""
PLACES = (4, 2, 1)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Trees:
    """Questions and answers.

    Attributes:
        column: of the evidence that a question is about, shape (T, DEPTH), int64.
        least: the least value that answers it with yes, shape (T, DEPTH).
        leaves: what is added for the answers read as a binary number, shape (T, LEAVES).
    """

    column: np.ndarray
    least: np.ndarray
    leaves: np.ndarray

    @classmethod
    def of(cls, units: np.ndarray) -> Trees:
        """Of whole numbers as ``units`` gives them; trees that say nothing are left out."""
        some = units[units[:, 2 * DEPTH :].any(axis=1)]
        column, least, leaves = np.split(some, [DEPTH, 2 * DEPTH], axis=1)
        return cls(column, least / UNIT, leaves / UNIT)

    def units(self) -> np.ndarray:
        """Columns, then least values and leaves in millionths, shape (TREES, 2 DEPTH + LEAVES)."""
        kept = nothing()
        parts = [self.column, whole(self.least), whole(self.leaves)]
        kept[: len(self.column)] = np.concatenate(parts, axis=1)
        return kept

    def score(self, evidence: np.ndarray) -> np.ndarray:
        """What is added to the score of each row of evidence, shape (N, D); shape (N,)."""
        place = np.zeros((len(self.leaves), len(evidence)), np.int64)
        place += LEAVES * np.arange(len(self.leaves))[:, None]
        for depth in range(DEPTH):
            yes = evidence.T[self.column[:, depth]] >= self.least[:, depth, None]
            place += yes.view(np.uint8) * PLACES[depth]
        total: np.ndarray = self.leaves.ravel()[place].sum(axis=0)
        return total


def nothing() -> np.ndarray:
    """Trees that say nothing, as ``Trees.units`` lays them out."""
    return np.zeros((TREES, 2 * DEPTH + LEAVES), np.int64)


def boost(evidence: np.ndarray, taken: np.ndarray, score: np.ndarray) -> Trees:
    """Trees that tell what was taken better than a score does alone; always the same ones.

    Args:
        evidence: shape (N, D).
        taken: whether each was taken, shape (N,), bool.
        score: log odds that the trees add to, shape (N,).
    """
    asked = [_cuts(column) for column in evidence.T]
    bins = np.empty(evidence.shape, np.uint8, order="F")
    for at, cuts in enumerate(asked):
        bins[:, at] = np.searchsorted(cuts, evidence[:, at], side="right")
    open_to = np.flatnonzero([len(cuts) > 0 for cuts in asked])
    random = np.random.default_rng(0)
    column, least, leaves = [], [], []
    total = score.copy()
    for tree in range(TREES if len(open_to) else 0):
        among = np.sort(random.permutation(open_to)[: -(-len(open_to) // STRIDE)])
        rows = slice(tree % STRIDE, None, STRIDE)
        odds = chance(total[rows])
        slope, bend = taken[rows] - odds, odds * (1 - odds)
        questions = _grow(bins[rows], slope, bend, {at: len(asked[at]) for at in among.tolist()})
        leaf = _leaf(bins, questions)
        values = RATE * _sum(leaf[rows], slope) / (_sum(leaf[rows], bend) + PULL)
        total += values[leaf]
        column.append([at for at, _ in questions])
        least.append([asked[at][cut] for at, cut in questions])
        leaves.append(values)
    return Trees(
        np.array(column, np.int64).reshape(-1, DEPTH),
        np.array(least).reshape(-1, DEPTH),
        np.array(leaves).reshape(-1, LEAVES),
    )


def _cuts(values: np.ndarray) -> np.ndarray:
    """Where to cut a column: between two values that it has, after about equally many rows.

    Between, so that no rounding moves a row to the other side.
    """
    have = np.sort(values.astype(np.float64))
    if not len(have) or have[0] == have[-1]:
        return np.zeros(0)
    share = np.arange(1, BINS) / BINS
    right = np.unique(have[(share * len(have)).astype(np.int64)])
    right = right[right > have[0]]
    left = have[np.searchsorted(have, right, side="left") - 1]
    between: np.ndarray = (left + right) / 2
    return between


def _grow(
    bins: np.ndarray, slope: np.ndarray, bend: np.ndarray, cuts: dict[int, int]
) -> list[tuple[int, int]]:
    """The questions of a tree, each the one that mends most after those before it."""
    leaf, questions = np.zeros(len(bins), np.int64), []
    for depth in range(DEPTH):
        width, best = BINS << depth, (-1.0, 0, 0)
        begin = leaf * BINS
        for at, count in cuts.items():
            where = begin + bins[:, at]
            gain = _gain(np.bincount(where, slope, width), np.bincount(where, bend, width), count)
            cut = int(gain.argmax())
            best = max(best, (float(gain[cut]), at, cut), key=lambda found: found[0])
        questions.append(best[1:])
        leaf = 2 * leaf + (bins[:, best[1]] > best[2])
    return questions


def _gain(slope: np.ndarray, bend: np.ndarray, cuts: int) -> np.ndarray:
    """How much each cut mends, over all leaves; sums per leaf and bin are given."""
    low = slope.reshape(-1, BINS).cumsum(axis=1)
    low_bend = bend.reshape(-1, BINS).cumsum(axis=1)
    high, high_bend = low[:, -1:] - low, low_bend[:, -1:] - low_bend
    gain = low**2 / (low_bend + PULL) + high**2 / (high_bend + PULL)
    total: np.ndarray = gain.sum(axis=0)
    return total[:cuts]


def _leaf(bins: np.ndarray, questions: list[tuple[int, int]]) -> np.ndarray:
    leaf = np.zeros(len(bins), np.int64)
    for at, cut in questions:
        leaf = 2 * leaf + (bins[:, at] > cut)
    return leaf


def _sum(leaf: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.bincount(leaf, values, LEAVES)
