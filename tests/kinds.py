"""Every kind that learns, with parameters that suit two dozen people.

The laws over everything that learns are held over these tables. A kind that is registered
and stands in neither of them fails ``tests/siege/test_siege_kinds.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from privet.recommend import (
    EASE,
    ContentTFIDF,
    Hybrid,
    ItemItem,
    NextBasket,
    PersonalFrequency,
    Popularity,
    Recommender,
    SparseEASE,
)
from privet.recommend.ease import WEIGHTS
from privet.recommend.hybrid import PARTS
from privet.segments import (
    DBSCAN,
    HDBSCAN,
    Agglomerative,
    GaussianMixture,
    KMeans,
    MiniBatchKMeans,
    Segmenter,
    Spectral,
)

RECOMMENDERS: Mapping[str, Recommender] = {
    "content": ContentTFIDF(text=("type", "brand")),
    "ease-sparse": SparseEASE(floor=2, least=2, regularization=1, near=4, weights="log"),
    "habits": PersonalFrequency(least=2),
    "hybrid": Hybrid(floor=2, least=2, validate_days=7, windows=3),
    "hybrid-given": Hybrid(
        floor=2, least=2, weights={"seen.groups-log": 1.0, "fresh.ease-root": 1.5, "fresh.p28": 0.3}
    ),
    "hybrid-text": Hybrid(
        floor=2, least=6, validate_days=7, windows=2, text=("type", "brand"), by="brand"
    ),
    "hybrid-share": Hybrid(
        floor=2, least=2, validate="share", windows=2, scaling=0.5, themes=False
    ),
    "hybrid-traits": Hybrid(
        floor=2, least=2, windows=1, validate="share", traits=("age",), content=("type",)
    ),
    "hybrid-traits-given": Hybrid(
        floor=2, least=2, traits=("age",), weights={"seen.groups-log": 1.0, "fresh.p28": 1.0}
    ),
    "next": NextBasket(floor=2, least=2),
    "pairs": ItemItem(floor=2),
    "popularity": Popularity(least=2, by="type"),
    **{
        f"ease-{weights}": EASE(floor=2, least=2, regularization=1, weights=weights)
        for weights in WEIGHTS
    },
    **{
        f"hybrid-without-{part}": Hybrid(
            floor=2,
            least=2,
            validate_days=7,
            windows=2,
            parts=tuple(other for other in PARTS if other != part),
        )
        for part in PARTS
    },
}
"""Variants of recommenders by a name of their own."""


def segmenters(features: Sequence[str]) -> Mapping[str, Segmenter]:
    """Variants of segmenters by a name of their own, over these features."""
    return {
        "agglomerative": Agglomerative(features, k=3),
        "dbscan": DBSCAN(features, radius=2, people=3),
        "gaussian": GaussianMixture(features, k=3),
        "hdbscan": HDBSCAN(features, people=2),
        "kmeans": KMeans(features, k=3, components=2),
        "mini-batch": MiniBatchKMeans(features, k=3),
        "spectral": Spectral(features, k=3, neighbours=5),
    }
