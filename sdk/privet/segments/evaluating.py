"""How well segments hold together, and which number of them does best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from privet.errors import InvalidInput
from privet.features.compute import check_kinds
from privet.gate import artifact, membership
from privet.gate.parts import Caller, Parts
from privet.gate.read import read
from privet.gate.record import authorise, decide, explained, too_few
from privet.gate.versions import Version
from privet.segments.base import NOBODY, Segmenter, from_bytes, last_rows
from privet.segments.codec import Artifact, unpack
from privet.segments.following import FINE
from privet.segments.placing import coarse
from privet.segments.training import rows_of

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = 2000  # people whose distances to everybody are taken: a silhouette is of all pairs
STABLE = 0.6
"""Agreement of half of the people's segments with those of all, to be relied on."""
PLACED = 0.9
"""Share of people in a segment, to be relied on."""


@dataclass(frozen=True, slots=True)
class Cohesion:
    """How well segments hold together.

    Attributes:
        segments: how many there are.
        silhouette: mean of how much nearer people are to their own segment than to the
            next, -1 to 1 (Rousseeuw 1987), to two decimals.
        bic: Bayesian information criterion (Schwarz 1978): the less, the better.
        smallest: size of the smallest, in whole tens, 0 below the least size.
        placed: share of people who are in one, to two decimals.
    """

    segments: int
    silhouette: float
    bic: int
    smallest: int
    placed: float


def evaluate(parts: Parts, caller: Caller, version: Version) -> Cohesion:
    """Measure a version over its own people, and keep the report with it.

    Raises:
        AccessDenied: no permit to evaluate for the purpose.
        ModelUnavailable: the version is gone, or of another policy.
    """
    opened = of_version(parts, caller, version)
    least = parts.policy.purposes[version.purpose].models.least
    found = cohesion(opened.held.segmenter, opened.rows, opened.labels, least)
    artifact.evaluated(parts, caller, opened.version, asdict(found))
    return found


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Opened:
    """A version with what its people added, opened under a record.

    Attributes:
        version: the version as it is now.
        held: what was trained.
        rows: newest row of each person, shape (S, F), int32.
        labels: segment of each, shape (S,).
    """

    version: Version
    held: Artifact
    rows: np.ndarray
    labels: np.ndarray


def of_version(parts: Parts, caller: Caller, version: Version) -> Opened:
    """Open what a version's people added who have a ground now, to measure it.

    Raises:
        AccessDenied: no permit to evaluate for the purpose.
        ModelUnavailable: the version is gone, or of another policy.
    """
    version, state = artifact.load(parts, artifact.current(parts, version).version)
    held = unpack(state)
    decision = decide(parts, caller, version.purpose, "evaluate", held.segmenter.needs, at_all=True)
    eligible = membership.eligible(parts, decision, membership.contributors(parts, version))
    warrant = authorise(
        parts,
        caller,
        "access",
        purpose=version.purpose,
        action="evaluate",
        subjects=eligible,
        model=version.model,
        version=version.version,
        **explained(decision),
    )
    kept = membership.kept(parts, warrant, decision, version, eligible)
    tracks = [from_bytes(kept[sno]) for sno in sorted(kept)]
    labels = held.segmenter.fit(tracks, len(held.names)).labels
    return Opened(version, held, last_rows(tracks, len(held.names)), labels)


def cohesion(segmenter: Segmenter, rows: np.ndarray, labels: np.ndarray, least: int) -> Cohesion:
    """Measures of a segmentation; the same whatever the order of people."""
    from sklearn.metrics import silhouette_score

    sizes = Counter(labels[labels != NOBODY].tolist())
    order = np.lexsort((labels, *rows.T))
    points = segmenter.points(rows[order].astype(np.int64)) / FINE
    placed = np.flatnonzero(labels[order] != NOBODY)
    points, mine = points[placed], labels[order][placed]
    few = slice(None, None, max(len(placed) // SAMPLE, 1))
    several = 1 < len(set(mine[few].tolist())) < len(mine[few])
    return Cohesion(
        segments=len(sizes),
        silhouette=round(float(silhouette_score(points[few], mine[few])), 2) if several else 0.0,
        bic=_bic(points, mine),
        smallest=coarse(min(sizes.values(), default=0), least),
        placed=round(len(placed) / max(len(labels), 1), 2),
    )


def _bic(points: np.ndarray, labels: np.ndarray) -> int:
    """Of the mixture of Gaussians with independent features that the segments are."""
    likelihood, parameters = 0.0, -1
    for label in sorted(set(labels.tolist())):
        mine = points[labels == label]
        spread = mine.var(axis=0) + 1e-3
        away = ((mine - mine.mean(axis=0)) ** 2 / spread + np.log(2 * np.pi * spread)).sum()
        likelihood += len(mine) * np.log(len(mine) / len(points)) - float(away) / 2
        parameters += 1 + 2 * points.shape[1]
    return round(parameters * float(np.log(max(len(points), 1))) - 2 * likelihood)


def stability(segmenter: Segmenter, rows: np.ndarray, labels: np.ndarray) -> float:
    """How alike segments of half of the people are to those of all (Hubert & Arabie 1985).

    Returns:
        mean adjusted Rand index of two halves, 1 for the same segments, to two decimals.
    """
    from sklearn.metrics import adjusted_rand_score

    order = np.lexsort(rows.T)
    found = []
    for half in (order[::2], order[1::2]):
        own = segmenter.fit(as_tracks(rows[half]), rows.shape[1]).labels
        found.append(float(adjusted_rand_score(labels[half], own)))
    return round(sum(found) / 2, 2)


def as_tracks(rows: np.ndarray) -> list[np.ndarray]:
    """Rows as the tracks of people who were in one training."""
    return [np.concatenate(([0], row)).astype(np.int32) for row in rows]


def choose(
    parts: Parts,
    caller: Caller,
    purpose: str,
    segmenters: Sequence[Segmenter],
    at: int | None = None,
) -> pd.DataFrame:
    """How well each of several ways to segment does, of everybody who has a ground now.

    Returns:
        one row each: ``method``, ``k`` (0 where the method finds it), ``segments``,
        ``silhouette`` (the more the better), ``bic`` (the less), ``stability`` (the more),
        ``smallest``, ``placed`` and ``chosen``, true of one at most (see ``best``);
        nothing is kept.

    Raises:
        AccessDenied: no permit to train on the fields of the features, or too few people.
        InvalidInput: nothing to choose from, or ways of different features.
    """
    import pandas as pd

    first = _one_set_of_features(segmenters)
    check_kinds(first.features, parts.kinds)
    at = parts.now if at is None else at
    reading = read(parts, caller, purpose, "train", first.needs, until=at)
    people: list[np.ndarray] = []
    for chunk in reading.chunks():
        people += rows_of(parts, purpose, first, chunk, at)[1].values()
    least = parts.policy.purposes[purpose].models.least
    if len(people) < least:
        raise too_few(parts, caller, purpose, "train", least)
    rows = np.array(people, np.int32)
    table: list[dict[str, Any]] = []
    for one in segmenters:
        labels = one.fit(as_tracks(rows), rows.shape[1]).labels
        found = asdict(cohesion(one, rows, labels, least))
        named = {"method": type(one).__name__, "k": getattr(one, "k", 0)}
        table.append({**named, **found, "stability": stability(one, rows, labels)})
    chosen = best(table)
    return pd.DataFrame(table).assign(chosen=[row == chosen for row in range(len(table))])


def best(table: Sequence[Mapping[str, Any]]) -> int | None:
    """The row to take: the greatest silhouette of those that may be relied on.

    These have several segments, all large enough to be released, hold nine in ten people,
    and are found again in half of the people (``STABLE``). Of equal ones the more stable
    is taken, then the one of fewer segments, then the first. The BIC is no part of it:
    it compares numbers of segments of one method and not methods.
    """
    may = [
        (-row["silhouette"], -row["stability"], row["segments"], i)
        for i, row in enumerate(table)
        if row["segments"] > 1
        and row["smallest"] > 0
        and row["placed"] >= PLACED
        and row["stability"] >= STABLE
    ]
    return min(may)[-1] if may else None


def _one_set_of_features(segmenters: Sequence[Segmenter]) -> Segmenter:
    if not segmenters or len({one.features for one in segmenters}) != 1:
        raise InvalidInput(
            "these ways to segment cannot be compared",
            why="there is none, or they differ in their features",
            remedy="Give several of the same features, such as KMeans(features, k=k) for some k.",
            reason="segments.choice",
        )
    return segmenters[0]
