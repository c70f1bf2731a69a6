"""The leaf form: codes only, back to the same change, nothing malformed accepted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from privet.consent import Change
from privet.errors import IntegrityError, InvalidInput

FULL = Change(
    sno=7,
    purpose="recommendations",
    kind="yes",
    at=1_700_000_000_000_000,
    notice="2026-11",
    jurisdiction="DE",
    event_id="0f3a9c",
    seen=41,
    expires=1_800_000_000_000_000,
    commitment="ab" * 32,
)


@pytest.mark.parametrize("change", [FULL, Change(0, "*", "known", -5)])
def test_a_leaf_reads_back_to_the_same_change(change: Change) -> None:
    leaf = json.loads(json.dumps(change.to_leaf()))
    assert leaf["kind"] == "ground"
    assert leaf["change"] == change.kind
    assert None not in leaf.values()
    assert Change.from_leaf({**leaf, "ts": 1, "who": 3}) == change


@pytest.mark.parametrize(
    "part",
    [
        {"event_id": "ada@hedge.example"},
        {"event_id": "Ada Lovelace"},
        {"notice": "line\nbreak"},
        {"notice": "code\n"},
        {"jurisdiction": "Zürich"},
        {"commitment": "x" * 97},
        {"purpose": "**"},
        {"purpose": "Recommendations"},
        {"kind": "maybe"},
        {"kind": "yes\n"},
        {"sno": -1},
        {"sno": 2**32},
        {"sno": True},
        {"at": 1.5},
        {"seen": -2},
        {"expires": 2**63},
    ],
)
def test_what_is_not_a_code_never_enters_a_leaf(part: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as refused:
        replace(FULL, **part).to_leaf()
    assert refused.value.reason == "ground.form"
    assert not any(str(v) in str(refused.value) for v in part.values() if len(str(v)) > 5)


@pytest.mark.parametrize(
    "damage",
    [
        {"kind": "access"},
        {"change": "maybe"},
        {"change": ["yes"]},
        {"sno": "7"},
        {"at": None},
        {"expires": "soon"},
        {"event": 5},
    ],
)
def test_a_damaged_leaf_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        Change.from_leaf({**FULL.to_leaf(), **damage})


@pytest.mark.parametrize("key", ["sno", "purpose", "change", "at", "seen", "kind"])
def test_a_leaf_that_lacks_a_part_is_refused(key: str) -> None:
    leaf = FULL.to_leaf()
    del leaf[key]
    with pytest.raises(IntegrityError):
        Change.from_leaf(leaf)
