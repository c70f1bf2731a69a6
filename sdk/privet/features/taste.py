"""What a subject buys, by an attribute of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privet.features.rows import owners, share
from privet.features.spec import Cohort, Feature

if TYPE_CHECKING:
    from collections.abc import Mapping


def category_share(attribute: str, event: str = "purchase", item: str = "item") -> Feature:
    """Share (0 to 1) of the subject's rows in each value of an attribute; NaN without any.

    Only rows with a known value that may be inferred from count, in the share and in
    its whole; a hidden value has no column.
    """

    def columns(cohort: Cohort) -> Mapping[str, np.ndarray]:
        rows, level = cohort.event(event), cohort.catalogue.level(attribute)
        entry = level.visible(rows.columns[item])
        shape = (len(cohort.subjects), len(level))
        cell = (owners(rows) * len(level) + entry)[entry >= 0]
        counts = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
        whole = counts.sum(axis=1)
        return {
            f"share:{attribute}={level.names[i]}": share(counts[:, i], whole)
            for i in np.flatnonzero(level.candidates)
        }

    return Feature(
        f"share:{attribute}",
        frozenset({f"{event}.{item}"}),
        columns,
        f"Share of purchases by {attribute}.",
        "share, 0 to 1",
    )
