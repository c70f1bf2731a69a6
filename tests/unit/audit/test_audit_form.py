"""Records made by splicing are the bytes that the usual encoder makes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.audit.entry import Entry, prepare
from privet.audit.form import Form
from privet.consent import Change, Said, Shared, changes_of, sheet
from privet.consent.sheet import text, to_leaf
from privet.errors import AuditUnavailable, IntegrityError, InvalidInput

codes = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,20}", fullmatch=True)
numbers = st.integers(0, 2**52)


@given(
    st.dictionaries(codes, codes | numbers | st.lists(codes)),
    st.dictionaries(codes, numbers),
    numbers,
    numbers,
)
def test_a_spliced_record_is_the_encoded_one(
    body: dict[str, object], part: dict[str, int], sno: int, ts: int
) -> None:
    body = {k: v for k, v in body.items() if k not in {"ts", "set", "redo", "ground"}}
    spelt = json.dumps(part, sort_keys=True, separators=(",", ":")).encode()
    whole = prepare(Entry({**body, "ground": part}, frozenset({sno}), redo=True), ts)
    made = Form(body, "ground").fill(sno, spelt, ts)
    assert made.data == whole.data
    assert made.at(ts + 1).data == whole.at(ts + 1).data
    assert (made.about.listed, made.ts, made.redo) == ((sno,), ts, True)


def test_a_body_with_a_key_of_the_log_is_refused() -> None:
    for key in ("ts", "set", "redo", "ground"):
        with pytest.raises(AuditUnavailable):
            Form({key: 1}, "ground")


def test_a_record_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        Form({}, "ground").fill(1, b'"' + b"a" * 65_535 + b'"', 1)
    assert refused.value.reason == "record.size"


said = st.builds(
    Said,
    st.sampled_from(["yes", "no", "begun"]),
    st.sampled_from(["a", "b-c", "d_e"]),
    numbers,
    st.integers(-1, 9),
    st.none() | numbers,
    st.just("") | codes,
)


@given(
    numbers.filter(lambda n: n < 2**32),
    st.builds(Shared, st.just("") | codes, st.just("") | codes, st.just("") | codes),
    st.lists(said, min_size=1, max_size=5),
)
def test_a_sheet_is_spelt_as_it_is_encoded_and_read_back(
    sno: int, shared: Shared, told: list[Said]
) -> None:
    made = sheet(sno, shared, told)
    changes = made.changes()
    assert made.body == text(changes)
    assert changes_of(json.loads(made.body)) == changes
    assert [c.sno for c in changes] == [sno] * len(told)


@pytest.mark.parametrize(
    "wrong",
    [
        {"changes": []},
        {"changes": [["yes", "a", 1, -1, None, ""]]},
        {"changes": [["yes", "a", 1, -1, None, ""], ["maybe", "b", 1, -1, None, ""]]},
        {"changes": [["yes", "a", 1, -1, None, ""], ["no", "b", 1, -1]]},
        {"changes": "yes"},
        {"sno": -1},
    ],
)
def test_a_leaf_that_was_not_written_is_refused(wrong: dict[str, object]) -> None:
    leaf = to_leaf([Change(7, "a", "yes", 1), Change(7, "b", "no", 1)])
    assert len(changes_of(leaf)) == 2
    with pytest.raises(IntegrityError):
        changes_of({**leaf, **wrong})
