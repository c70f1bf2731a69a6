"""The codec gives back what it took, and takes nothing apart that does not add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.errors import IntegrityError
from privet.vault.codec import NULL, Field, Layout, decode, encode
from privet.vault.handful import FEW, decode_few

WHOLE = st.one_of(
    st.just(NULL),
    st.integers(-5, 5),
    st.integers(NULL, 2**63 - 1),
    st.integers(0, 30).map(lambda n: n * 86_400_000_000),
)
TEXT = st.one_of(
    st.none(),
    st.sampled_from(["", "a", "Zoë", "x" * 300, "\0", "🦊"]),
    st.text(st.characters(codec="utf-8"), max_size=8),
)
ID = st.one_of(
    st.none(),
    st.integers(0, 2**63 + 2).map(str),
    st.sampled_from(["0", "007", "-1", "+1", "１", "²", "1e3", " 1", ""]),
)
EXTRA = ("gone", "Zoë", "", "12")
ITEM = st.one_of(st.just(NULL), st.integers(0, 90_000), st.integers(-len(EXTRA), -1))
SECONDS = st.one_of(st.floats(allow_nan=False), st.just(float("nan")))
LAYOUT = Layout(
    1,
    "purchase",
    (
        Field("count", "int"),
        Field("value", "decimal", 2),
        Field("flag", "bool"),
        Field("dwell", "seconds"),
        Field("note", "text"),
        Field("age", "band"),
        Field("basket", "id"),
        Field("item", "item"),
    ),
)
ROW = st.tuples(
    st.integers(NULL + 1, 2**63 - 1),
    st.integers(0, 2**61),
    WHOLE,
    WHOLE,
    st.sampled_from([0, 1, NULL]),
    SECONDS,
    TEXT,
    TEXT,
    ID,
    ITEM,
)
CELLS = st.lists(st.lists(ROW, min_size=1, max_size=6), min_size=1, max_size=5)
TYPES = [np.int64] * 5 + [np.float64] + [object] * 3 + [np.int64]


def sealed(cells, absent=frozenset()):
    """Plaintexts and row counts of cells given as rows."""
    rows = [row for cell in cells for row in cell]
    starts = np.cumsum([0, *map(len, cells)])
    arrays = []
    for values, kind in zip(zip(*rows, strict=True), TYPES, strict=True):
        array = np.empty(len(rows), kind)
        array[:] = values
        arrays.append(array)
    columns = {
        field.name: array
        for field, array in zip(LAYOUT.fields, arrays[2:], strict=True)
        if field.name not in absent
    }
    plains = encode(LAYOUT, starts, arrays[0], arrays[1], columns, {"item": EXTRA})
    return plains, [len(c) for c in cells]


def same(a: object, b: object) -> bool:
    return a == b or (a != a and b != b)  # noqa: PLR0124 - NaN


@given(CELLS)
def test_every_kind_comes_back_from_any_cut_into_cells(cells) -> None:
    plains, counts = sealed(cells)
    found = decode(LAYOUT, plains, counts, LAYOUT.names)
    rows = [row for cell in cells for row in cell]
    assert found.at.tolist() == [r[0] for r in rows]
    assert found.row.tolist() == [r[1] for r in rows]
    for i, field in enumerate(LAYOUT.fields, 2):
        values = found.columns[field.name].tolist()
        expected = [r[i] for r in rows]
        if field.kind == "item":
            texts = found.extra.get("item", ())
            values = [texts[-v - 1] if NULL < v < 0 else v for v in values]
            expected = [EXTRA[-v - 1] if NULL < v < 0 else v for v in expected]
        if field.kind == "id" and found.columns[field.name].dtype != object:
            expected = [NULL if v is None else int(v) for v in expected]
            assert all(v is None or str(int(v)) == v for v in (r[i] for r in rows))
        assert all(map(same, values, expected))


@given(CELLS, st.sets(st.sampled_from(sorted(LAYOUT.names))))
def test_fields_left_out_are_null_and_unwanted_ones_are_not_built(cells, absent) -> None:
    plains, counts = sealed(cells, absent)
    found = decode(LAYOUT, plains, counts, frozenset(absent))
    assert set(found.columns) == absent
    for values in found.columns.values():
        assert all(v is None or v == NULL or v != v for v in values.tolist())  # noqa: PLR0124


@given(CELLS, st.data())
def test_cells_of_another_length_are_refused(cells, data) -> None:
    plains, counts = sealed(cells)
    which = data.draw(st.integers(0, len(plains) - 1))
    cut = data.draw(st.integers(0, len(plains[which]) - 1))
    for bad in (plains[which][:cut], plains[which] + b"x"):
        changed = [*plains[:which], bad, *plains[which + 1 :]]
        with pytest.raises(IntegrityError):
            decode(LAYOUT, changed, counts, LAYOUT.names)


@given(CELLS, st.data())
def test_any_changed_byte_gives_rows_or_an_error_of_its_own_type(cells, data) -> None:
    plains, counts = sealed(cells)
    which = data.draw(st.integers(0, len(plains) - 1))
    broken = bytearray(plains[which])
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    changed = [*plains[:which], bytes(broken), *plains[which + 1 :]]
    try:
        found = decode(LAYOUT, changed, counts, LAYOUT.names)
    except IntegrityError:
        return
    assert len(found.at) == sum(counts)


def test_usual_columns_take_few_bytes() -> None:
    n = 128
    at = 1_700_000_000_000_000 + np.arange(n) * 60_000_000
    columns = {"count": np.full(n, 3), "value": np.arange(n) * 5 + 1000}
    layout = Layout(1, "e", LAYOUT.fields[:2])
    (plain,) = encode(layout, np.array([0, n]), at, np.arange(n) + 7, columns, {})
    assert len(plain) == 4 * 24 + n + n


@given(CELLS, st.sets(st.sampled_from(["count", "value", "flag", "basket", "item", "note"])))
def test_a_handful_of_cells_is_decoded_as_many_are(cells, wanted):
    plains, counts = sealed(cells)
    few = decode_few(LAYOUT, plains, counts, frozenset(wanted))
    many = decode(LAYOUT, plains, counts, frozenset(wanted))
    if few is None:
        texts = {r[8] for c in cells for r in c if r[8] is not None}
        dictionaries = {"note"} | ({"basket"} if texts else set())
        assert len(plains) > FEW or wanted & dictionaries
        return
    assert few.columns.keys() == many.columns.keys()
    assert few.extra == many.extra
    for one, other in ((few.at, many.at), (few.row, many.row)):
        np.testing.assert_array_equal(one, other)
    for name, values in few.columns.items():
        assert values.dtype == many.columns[name].dtype
        np.testing.assert_array_equal(values, many.columns[name])


@given(CELLS, st.data())
def test_a_handful_of_damaged_cells_is_refused_as_many_are(cells, data):
    plains, counts = sealed(cells[:1])
    cut = data.draw(st.integers(0, len(plains[0]) - 1))
    extra = data.draw(st.binary(min_size=1, max_size=3))
    wanted = frozenset({"count", "value"})
    for damaged in (plains[0][:cut], plains[0] + extra):
        with pytest.raises(IntegrityError):
            decode_few(LAYOUT, [damaged], counts, wanted)
    mutated = bytearray(plains[0])
    mutated[data.draw(st.integers(0, 16 * len(LAYOUT.fields)))] ^= data.draw(st.integers(1, 255))
    results = []
    for decoder in (decode_few, decode):
        try:
            results.append(decoder(LAYOUT, [bytes(mutated)], counts, wanted))
        except IntegrityError:
            results.append(None)
    assert (results[0] is None) == (results[1] is None)
