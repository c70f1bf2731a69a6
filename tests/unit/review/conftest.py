"""The documents of a pack, edited."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from privet.policy import Policy, compile_documents, load

Edited = Callable[..., Policy]


@pytest.fixture(scope="session")
def grocery() -> Policy:
    return load("pack:grocery")


@pytest.fixture
def edited(grocery: Policy) -> Edited:
    """Compile the grocery pack after edits of its policy document (or of its data)."""

    def build(*edits: tuple[str, str], document: str = "policy") -> Policy:
        texts = dict(grocery.documents)
        for old, new in edits:
            assert old in texts[document], f"the pack has no {old!r}"
            texts[document] = texts[document].replace(old, new, 1)
        return compile_documents(texts)

    return build
