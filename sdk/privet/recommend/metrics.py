"""Measures of a ranking against what people really had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from privet.recommend.split import Truth

MEASURES = ("ndcg", "recall", "precision", "mrr", "map")
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the subjects with something held out, at k; NaN when nobody has.

    Attributes:
        people: how many those are.
        ndcg: normalized discounted cumulative gain, 0 to 1 (Järvelin and Kekäläinen,
            "Cumulated gain-based evaluation of IR techniques", 2002), the ideal list having
            min(k, held-out) hits.
        recall: hits over min(k, held-out), 0 to 1.
        precision: hits over k, 0 to 1.
        mrr: reciprocal rank of the first hit, 0 where there is none (Voorhees, "The TREC-8
            Question Answering Track Report", 1999).
        map: precision at each hit, summed, over min(k, held-out): average precision
            (Buckley and Voorhees, "Evaluating evaluation measure stability", 2000).
    """

    people: int
    ndcg: float
    recall: float
    precision: float = NAN
    mrr: float = NAN
    map: float = NAN


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PerPerson:
    """The measures of each subject with something held out. Personal data: never shown.

    Attributes:
        position: which of the lists each belongs to, ascending, shape (P,), int64.
        values: measure to one value per such subject, shape (P,), float64.
        hits: whether each place of those lists was a hit, shape (P, k), bool.
    """

    position: np.ndarray
    values: dict[str, np.ndarray]
    hits: np.ndarray

    def __len__(self) -> int:
        return len(self.position)

    def __repr__(self) -> str:
        return f"PerPerson(people={len(self)})"

    def mean(self) -> Quality:
        """The means over all of them."""
        if not len(self):
            return Quality(0, NAN, NAN)
        return Quality(len(self), **{m: float(v.mean()) for m, v in self.values.items()})


def per_person(lists: np.ndarray, truth: Truth) -> PerPerson:
    """Score each list; who has nothing held out is left out.

    Args:
        lists: entries by rank, -1 after the end, shape (S, k), int64.
        truth: the held-out entries of the same subjects.
    """
    subjects, k = lists.shape
    keys = np.arange(subjects)[:, None] * max(truth.size, 1) + lists
    found = np.isin(keys, truth.keys()) & (lists >= 0)
    most = np.minimum(np.diff(truth.starts), k)
    position = np.flatnonzero(most > 0)
    hits, most = found[position], most[position]
    rank = np.arange(1, k + 1)
    discount = 1 / np.log2(rank + 1)
    so_far = np.cumsum(hits, axis=1) / rank
    count = hits.sum(axis=1)
    values = {
        "ndcg": (hits * discount).sum(axis=1) / np.cumsum(discount)[most - 1],
        "recall": count / most,
        "precision": count / k,
        "mrr": (hits / rank).max(axis=1, initial=0),
        "map": (hits * so_far).sum(axis=1) / most,
    }
    return PerPerson(position, values, hits)


def quality(lists: np.ndarray, truth: Truth) -> Quality:
    """The means of ``per_person``.

    Args:
        lists: entries by rank, -1 after the end, shape (S, k), int64.
        truth: the held-out entries of the same subjects.
    """
    return per_person(lists, truth).mean()


def rating_errors(predicted: np.ndarray, given: np.ndarray) -> tuple[float, float]:
    """Root mean squared and mean absolute error of predicted ratings, where there are any.

    Args:
        predicted: shape (R,), float64.
        given: the ratings that people gave, shape (R,), float64.

    Returns:
        RMSE and MAE, in units of the rating; NaN for no rating.
    """
    if not len(given):
        return NAN, NAN
    error = np.asarray(predicted, np.float64) - np.asarray(given, np.float64)
    return float(np.sqrt(np.mean(error * error))), float(np.mean(np.abs(error)))
