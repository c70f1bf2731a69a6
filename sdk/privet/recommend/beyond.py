"""What accuracy does not say of lists: how wide, how new, how surprising, how popular."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from privet.recommend.metrics import PerPerson


@dataclass(frozen=True, slots=True)
class Beyond:
    """Measures of all lists together, besides accuracy.

    Attributes:
        coverage: share of the candidates that stand in any list, 0 to 1.
        novelty: mean self-information of the listed entries, -log2 of the share of people
            who had them, in bits (Castells, Hurley and Vargas, "Novelty and Diversity in
            Recommender Systems", 2015); an entry that nobody had counts as had by one.
        serendipity: share of places with a hit that is not in the list of the most popular
            entries (Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy", RecSys 2010).
        popularity: mean share of people who had a listed entry, 0 to 1.
        bias: ``popularity`` less the same mean over what people really had afterwards:
            above 0 the lists are more popular than what people take (Abdollahpouri et al.,
            "The Unfairness of Popularity Bias in Recommendation", 2019).
        gini: inequality of how often candidates are listed, 0 (all alike) to 1.
    """

    coverage: float
    novelty: float
    serendipity: float
    popularity: float
    bias: float
    gini: float


def beyond(
    lists: np.ndarray,
    held_out: np.ndarray,
    scored: PerPerson,
    *,
    people: np.ndarray,
    subjects: int,
    candidates: np.ndarray,
) -> Beyond:
    """Measure lists.

    Args:
        lists: entries by rank, -1 after the end, shape (S, k), int64.
        held_out: the held-out entries of all subjects, one after the other, int64.
        scored: ``per_person`` of the same lists.
        people: how many people had each entry before the cut, shape (L,), int64.
        subjects: how many people there were.
        candidates: which entries may be listed, shape (L,), bool.
    """
    listed = lists[lists >= 0]
    share = np.maximum(people, 1) / max(subjects, 1)
    times = np.bincount(listed, minlength=len(people))[candidates]
    k = lists.shape[1]
    # By falling share and then index: the same list for everybody.
    popular = np.lexsort((np.arange(len(people)), -people))
    popular = popular[candidates[popular]][:k]
    surprising = scored.hits & ~np.isin(lists[scored.position], popular)
    return Beyond(
        coverage=_mean(times > 0),
        novelty=_mean(-np.log2(share[listed])),
        serendipity=_mean(surprising),
        popularity=_mean(share[listed]),
        bias=_mean(share[listed]) - _mean(share[held_out]),
        gini=gini(times),
    )


def gini(times: np.ndarray) -> float:
    """The Gini coefficient of counts, shape (N,); NaN where all are 0."""
    total = times.sum()
    if not total:
        return float("nan")
    rank = np.arange(1, len(times) + 1)
    return float(2 * np.sum(rank * np.sort(times)) / (len(times) * total) - 1 - 1 / len(times))


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if np.size(values) else float("nan")
