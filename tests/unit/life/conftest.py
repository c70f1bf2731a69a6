"""A small shop whose policy is changed, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.corner import Corner


@pytest.fixture
def corner(where: str, tmp_path: Path, clock: object) -> Iterator[Corner]:
    made = Corner(where, tmp_path / "keys", clock, tmp_path / "documents")
    yield made
    made.shop.close()
