"""Small shops, written as rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from privet.features import Catalogue
from privet.types import Events


def as_events(rows: Sequence[tuple], names: Sequence[str], subjects: Sequence[int]) -> Events:
    """Rows (subject, at, *values) as opened events; texts become object columns."""
    ordered = sorted(rows, key=lambda row: (row[0], row[1]))
    owner = np.array([row[0] for row in ordered], np.int64)
    columns = {}
    for i, name in enumerate(names, 2):
        values = [row[i] for row in ordered]
        textual = any(isinstance(value, str) or value is None for value in values)
        columns[name] = np.array(values, object if textual else np.int64)
    return Events(
        subjects=np.array(subjects, np.int64),
        starts=np.searchsorted(owner, [*subjects, max(subjects, default=0) + 1]),
        at=np.array([row[1] for row in ordered], np.int64),
        columns=columns,
    )


@pytest.fixture
def table() -> Callable[..., Events]:
    return as_events


@pytest.fixture
def shop() -> Catalogue:
    return Catalogue(
        ids=("milk", "tea", "soap", "pills", "odd"),
        attributes={
            "department": ("food", "food", "home", "health", ""),
            "type": ("dairy", "hot drinks", "hygiene", "laxatives", ""),
        },
        hidden=np.array([False, False, False, True, False]),
    )
