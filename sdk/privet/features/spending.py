"""Money: how much, per basket, and how much of it was discounted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privet.features.rows import share
from privet.features.spec import Cohort, Feature
from privet.features.visits import starts_of, visit_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def monetary(event: str = "purchase", value: str = "value") -> Feature:
    """Sum of what the subject paid, in the field's currency unit; 0 without a purchase."""

    def columns(cohort: Cohort) -> Mapping[str, np.ndarray]:
        total, scale = cohort.total(event, value)
        return {"monetary": total / np.float64(10**scale)}

    return Feature(
        "monetary", frozenset({f"{event}.{value}"}), columns, "Sum of what was paid.", "currency"
    )


def average_order(event: str = "purchase", value: str = "value", basket: str = "basket") -> Feature:
    """What the subject paid per basket, in the field's currency unit; NaN without one."""

    def columns(cohort: Cohort) -> Mapping[str, np.ndarray]:
        total, scale = cohort.total(event, value)
        rows = cohort.event(event)
        _, offsets = starts_of(visit_of(rows, basket), rows.starts)
        return {"average_order": share(total, np.diff(offsets) * 10**scale)}

    return Feature(
        "average_order",
        frozenset({f"{event}.{value}", f"{event}.{basket}"}),
        columns,
        "Mean of what was paid per basket.",
        "currency",
    )


def discount_share(
    event: str = "purchase", value: str = "value", discount: str = "discount"
) -> Feature:
    """Discount as a share of the undiscounted price (0 to 1); NaN where nothing was paid."""

    def columns(cohort: Cohort) -> Mapping[str, np.ndarray]:
        paid, paid_scale = cohort.total(event, value)
        saved, saved_scale = cohort.total(event, discount)
        scale = max(paid_scale, saved_scale)
        paid, saved = paid * 10 ** (scale - paid_scale), saved * 10 ** (scale - saved_scale)
        return {"discount_share": share(saved, paid + saved)}

    return Feature(
        "discount_share",
        frozenset({f"{event}.{value}", f"{event}.{discount}"}),
        columns,
        "Discount as a share of the undiscounted price.",
        "share, 0 to 1",
    )
