"""How well segments hold together, and which number of them does best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from privet.errors import InvalidInput
from privet.gate import artifact, membership
from privet.gate.parts import Caller, Parts
from privet.gate.read import read
from privet.gate.record import decide, entry, explained, too_few
from privet.gate.versions import Version
from privet.segments.base import NOBODY, from_bytes, last_rows
from privet.segments.codec import unpack
from privet.segments.kmeans import KMeans, standardized
from privet.segments.placing import coarse
from privet.segments.training import rows_of

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = 2000  # people whose distances to everybody are taken: a silhouette is of all pairs


@dataclass(frozen=True, slots=True)
class Cohesion:
    """How well segments hold together.

    Attributes:
        segments: how many there are.
        silhouette: mean of how much nearer people are to their own segment than to the
            next, -1 to 1 (Rousseeuw 1987), to two decimals.
        smallest: size of the smallest, in whole tens, 0 below the least size.
    """

    segments: int
    silhouette: float
    smallest: int


def evaluate(parts: Parts, caller: Caller, version: Version) -> Cohesion:
    """Measure a version over its own people, and keep the report with it.

    Raises:
        AccessDenied: no permit to evaluate for the purpose.
        ModelUnavailable: the version is gone, or of another policy.
    """
    version, state = artifact.load(parts, artifact.current(parts, version).version)
    held = unpack(state)
    decision = decide(parts, caller, version.purpose, "evaluate", held.segmenter.needs)
    eligible = membership.eligible(parts, decision, membership.contributors(parts, version))
    warrant = parts.log.authorise(
        entry(
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
    )
    kept = membership.kept(parts, warrant, decision, version, eligible)
    tracks = [from_bytes(kept[sno]) for sno in sorted(kept)]
    labels = held.segmenter.fit(tracks, len(held.names)).labels
    least = parts.policy.purposes[version.purpose].models.least
    found = cohesion(last_rows(tracks, len(held.names)), labels, least)
    told = {"segments": found.segments, "silhouette": found.silhouette, "smallest": found.smallest}
    artifact.evaluated(parts, caller, version, told)
    return found


def cohesion(rows: np.ndarray, labels: np.ndarray, least: int) -> Cohesion:
    """Measures of a segmentation; the same whatever the order of people."""
    from sklearn.metrics import silhouette_score

    sizes = Counter(labels[labels != NOBODY].tolist())
    order = np.lexsort((labels, *rows.T))
    points = standardized(rows[order].astype(np.int64)) / 65536
    mine = labels[order]
    chosen = np.flatnonzero(mine != NOBODY)
    chosen = chosen[:: max(len(chosen) // SAMPLE, 1)]
    several = 1 < len(set(mine[chosen].tolist())) < len(chosen)
    score = silhouette_score(points[chosen], mine[chosen]) if several else 0.0
    smallest = coarse(min(sizes.values(), default=0), least)
    return Cohesion(len(sizes), round(float(score), 2), smallest)


def choose(
    parts: Parts,
    caller: Caller,
    purpose: str,
    segmenter: KMeans,
    ks: Iterable[int],
    at: int | None = None,
) -> pd.DataFrame:
    """How well each number of segments holds together, of everybody who has a ground now.

    Returns:
        columns ``k``, ``silhouette`` and ``smallest``; nothing is kept.

    Raises:
        AccessDenied: no permit to train on the fields of the features, or too few people.
        InvalidInput: no number, or one that the method does not take.
    """
    import pandas as pd

    tried = _tried(segmenter, ks)
    at = parts.now if at is None else at
    reading = read(parts, caller, purpose, "train", segmenter.needs, until=at)
    rows: list[np.ndarray] = []
    for chunk in reading.chunks():
        rows += rows_of(parts, segmenter, chunk, at)[1].values()
    least = parts.policy.purposes[purpose].models.least
    if len(rows) < least:
        raise too_few(parts, caller, purpose, "train", least)
    whole = np.array(rows, np.int32)
    tracks = [np.concatenate(([0], row)).astype(np.int32) for row in whole]
    table: list[dict[str, Any]] = []
    for one in tried:
        found = cohesion(whole, one.fit(tracks, whole.shape[1]).labels, least)
        table.append({"k": one.k, "silhouette": found.silhouette, "smallest": found.smallest})
    return pd.DataFrame(table)


def _tried(segmenter: KMeans, ks: Iterable[int]) -> Sequence[KMeans]:
    tried = [replace(segmenter, k=k) for k in ks]
    if not tried:
        raise InvalidInput(
            "no number of segments was given",
            remedy="Give several, such as range(4, 12).",
            reason="segments.parameter",
        )
    return tried
