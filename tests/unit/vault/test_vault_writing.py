"""Writing: once, whole, and only for those who are allowed at the commit."""

from __future__ import annotations

import numpy as np
import pytest
from pyroaring import BitMap

from privet.errors import InvalidInput
from privet.vault import Rows


def test_a_repeat_is_sealed_once_across_batches_and_within_one(shop) -> None:
    first = shop.seal(shop.purchases((1, 10, 1), (1, 11, 2), (1, 12, 1), keys=[b"a", b"b", b"a"]))
    assert (first.sealed, first.repeated) == (2, 1)
    assert first.outcome.tolist() == [0, 0, 1]
    again = shop.seal(shop.purchases((1, 10, 1), (2, 10, 1), keys=[b"b", b"b"]))
    assert again.outcome.tolist() == [1, 0]
    assert shop.read(1, 2).columns["item"].tolist() == [1, 2, 1]


def test_a_key_of_another_event_type_is_another_key(shop) -> None:
    shop.seal(shop.purchases((1, 10, 1), keys=[b"a"]))
    at = np.array([10])
    columns = {"item": np.array([4]), "dwell": np.array([1.5])}
    doms = dict.fromkeys(columns, "recommendations")
    done = shop.seal(Rows("view", doms, np.array([1]), at, columns, {}, [b"a"]))
    assert done.sealed == 1


def test_tags_die_with_the_domain_they_live_in(shop) -> None:
    rows = shop.purchases((1, 10, 1), keys=[b"a"])
    shop.seal(rows)
    shop.vault.shred(1, ["orders"])
    assert shop.seal(rows).repeated == 1
    shop.vault.shred(1)
    assert shop.seal(rows).sealed == 1


def test_of_two_vaults_that_write_one_subject_the_later_is_told(shop, another, covering) -> None:
    other = another()
    mine = shop.vault.prepare(covering(1, 2), shop.purchases((1, 10, 1), (2, 10, 2)))
    theirs = other.vault.prepare(covering(2), other.purchases((2, 10, 3)))
    with other.home.data.write() as tx:
        assert other.vault.commit(tx, theirs, BitMap([2])).sealed == 1
    before = shop.cells()
    with shop.home.data.write() as tx:
        assert shop.vault.commit(tx, mine, BitMap([1, 2])) is None
    assert shop.cells() == before
    assert shop.read(1, 2).columns["item"].tolist() == [3]
    mine = shop.vault.prepare(covering(1, 2), shop.purchases((1, 10, 1), (2, 10, 2)))
    with shop.home.data.write() as tx:
        assert shop.vault.commit(tx, mine, BitMap([1, 2])).sealed == 2
    assert shop.read(1, 2).columns["item"].tolist() == [1, 3, 2]


def test_who_is_not_allowed_at_the_commit_is_refused(shop, covering) -> None:
    rows = shop.purchases((2, 10, 2), (1, 10, 1), (2, 11, 3))
    prepared = shop.vault.prepare(covering(1, 2), rows)
    with shop.home.data.write() as tx:
        done = shop.vault.commit(tx, prepared, BitMap([1]))
    assert (done.sealed, done.refused) == (1, 2)
    assert done.outcome.tolist() == [2, 0, 2]
    assert shop.read(1, 2).columns["item"].tolist() == [1]


def test_what_was_prepared_under_a_key_that_was_destroyed_is_not_written(shop, covering) -> None:
    prepared = shop.vault.prepare(covering(1), shop.purchases((1, 10, 1)))
    shop.vault.shred(1)
    with shop.home.data.write() as tx:
        assert shop.vault.commit(tx, prepared, BitMap([1])) is None
    shop.seal(shop.purchases((1, 10, 1)))
    prepared = shop.vault.prepare(covering(1), shop.purchases((1, 11, 2)))
    shop.vault.shred(1)
    with shop.home.data.write() as tx:
        assert shop.vault.commit(tx, prepared, BitMap([1])) is None
    assert shop.cells() == 0


def test_no_key_is_made_for_someone_whose_erasure_was_interrupted(shop, covering) -> None:
    shop.seal(shop.purchases((1, 10, 1)))
    shop.keys.destroy_subject(1, None)
    prepared = shop.vault.prepare(covering(1), shop.purchases((1, 11, 2)))
    with shop.home.data.write() as tx:
        done = shop.vault.commit(tx, prepared, BitMap([1]))
    assert (done.sealed, done.refused) == (0, 1)
    assert shop.keys.of_subjects([1], [1, 2, 3]) == {}


def test_long_histories_are_cut_into_full_cells(shop) -> None:
    shop.seal(shop.purchases(*((1, i, i) for i in range(300))))
    with shop.home.data.read() as tx:
        sizes = tx.all("SELECT n FROM cell WHERE grp = 1 ORDER BY seq")
    assert sizes == [(128,), (128,), (44,)]
    assert shop.read(1).columns["item"].tolist() == list(range(300))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("value", np.array([1.5])),
        ("item", np.array(["canary-9"], object)),
        ("basket", np.array([7.0], object)),
        ("basket", np.array([-7])),
        ("basket", np.array(["\ud800"], object)),
        ("item", np.array([-3])),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_and_not_shown(shop, covering, name, values) -> None:
    rows = shop.purchases((1, 10, 1))
    bad = Rows("purchase", rows.dom_of, rows.snos, rows.at, {**rows.columns, name: values})
    with pytest.raises(InvalidInput) as caught:
        shop.vault.prepare(covering(1), bad)
    assert str(values[0]) not in str(caught.value)


def test_a_profile_is_replaced_field_by_field(shop) -> None:
    def profile(sno: int, at: int, **columns: object) -> Rows:
        arrays = {name: np.array([value], object) for name, value in columns.items()}
        doms = dict.fromkeys(arrays, "orders")
        return Rows("profile", doms, np.array([sno]), np.array([at]), arrays)

    shop.seal(profile(1, 10, email="ada@example.org", age="25-34"))
    shop.seal(profile(1, 20, age="35-44"))
    found = shop.read(1, 2, event="profile", fields=("email", "age"))
    assert found.columns["email"].tolist() == ["ada@example.org", None]
    assert found.columns["age"].tolist() == ["35-44", None]
    shop.seal(profile(1, 30, email=None))
    found = shop.read(1, event="profile", fields=("email", "age"))
    assert found.columns["email"].tolist() == [None]
    assert found.columns["age"].tolist() == ["35-44"]
    assert shop.cells() == 2


def test_a_profile_in_one_atom_keeps_what_was_not_given(another) -> None:
    shop = another([("profile", ("email", "age"))])
    for at, columns in ((10, {"email": "a@b.org", "age": "25-34"}), (20, {"age": "35-44"})):
        arrays = {n: np.array([v] * 2, object) for n, v in columns.items()}
        doms = dict.fromkeys(arrays, "orders")
        rows = Rows("profile", doms, np.array([1, 2]), np.array([at, at]), arrays)
        assert shop.seal(rows).sealed == 2
    found = shop.read(1, 2, event="profile", fields=("email", "age"))
    assert found.columns["email"].tolist() == ["a@b.org"] * 2
    assert found.columns["age"].tolist() == ["35-44"] * 2
    assert shop.cells() == 2


def test_values_of_other_rooms_open_only_at_their_own_place(shop, covering) -> None:
    from privet.errors import IntegrityError

    named = covering(1, 2)
    sealed = shop.vault.seal_for(named, 1, "orders", b"label", b"secret")
    assert shop.vault.open_many(named, "orders", b"label", {1: sealed}) == {1: b"secret"}
    shop.vault.seal_for(named, 2, "orders", b"label", b"other")
    for sno, label in ((2, b"label"), (1, b"other")):
        with pytest.raises(IntegrityError):
            shop.vault.open_many(named, "orders", label, {sno: sealed})
    shop.vault.shred(1)
    assert shop.vault.open_many(named, "orders", b"label", {1: sealed}) == {}


def test_a_field_without_a_place_is_refused_rather_than_dropped(shop, covering) -> None:
    rows = shop.purchases((1, 10, 1))
    stray = {**rows.columns, "colour": np.array([1])}
    for columns, doms in (
        (stray, {**rows.dom_of, "colour": "orders"}),
        (rows.columns, {"item": "orders"}),
        ({}, rows.dom_of),
    ):
        with pytest.raises(InvalidInput) as caught:
            shop.vault.prepare(covering(1), Rows("purchase", doms, rows.snos, rows.at, columns))
        assert caught.value.reason == "rows.field"
