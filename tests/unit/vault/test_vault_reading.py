"""Reading: whole rows come back, and nothing comes out that is not what was sealed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from privet.errors import AccessDenied, IntegrityError, StoreUnavailable
from privet.types import Warrant
from privet.vault import Plan, Renewed, Rows

NULL = np.iinfo(np.int64).min


def test_events_come_back_by_subject_and_time_with_all_columns(shop) -> None:
    shop.seal(shop.purchases((2, 50, 5), (1, 40, 4), (1, 30, 3), (2, 20, 2)))
    events = shop.read(1, 2, 3)
    assert events.subjects.tolist() == [1, 2, 3]
    assert events.starts.tolist() == [0, 2, 4, 4]
    assert events.at.tolist() == [30, 40, 20, 50]
    assert events.columns["item"].tolist() == [3, 4, 2, 5]
    assert events.columns["basket"].tolist() == [1003, 1004, 1002, 1005]
    assert events.columns["value"].tolist() == [37, 47, 27, 57]
    assert events.columns["discount"].tolist() == [-3, -4, -2, -5]


def test_rows_of_one_instant_keep_the_order_in_which_they_were_sealed(shop) -> None:
    for number in (9, 3, 6):
        shop.seal(shop.purchases((1, 100, number)))
    assert shop.read(1).columns["item"].tolist() == [9, 3, 6]


def test_fields_of_two_domains_stay_together_when_one_domain_is_gone_and_begun_anew(shop) -> None:
    shop.seal(shop.purchases((1, 10, 1), (1, 20, 2)))
    shop.vault.shred(1, ["orders"])
    shop.seal(shop.purchases((1, 15, 3)))
    events = shop.read(1)
    assert events.columns["item"].tolist() == [1, 3, 2]
    assert events.columns["discount"].tolist() == [NULL, -3, NULL]


def test_retention_and_last_n_are_applied(shop) -> None:
    shop.seal(shop.purchases(*((s, 10 * i, i) for s in (1, 2) for i in range(1, 6))))
    events = shop.read(1, 2, not_before=30, last=2)
    assert events.columns["item"].tolist() == [4, 5, 4, 5]
    assert shop.read(1, 2, not_before=50, last=2).at.tolist() == [50, 50]


def test_without_a_warrant_of_every_subject_nothing_opens(shop, covering) -> None:
    rows = shop.purchases((1, 10, 1), (2, 10, 1))
    shop.seal(rows)
    with shop.home.data.read() as tx:
        fetched = shop.vault.fetch(tx, Plan("purchase", ("item",), ("orders/hold",), None), [1, 2])
    copied = Warrant(1, "orders", frozenset({1, 2}))
    for bad in (covering(1), copied):
        for act in (
            lambda w=bad: shop.vault.open(w, fetched),
            lambda w=bad: shop.vault.profiles(w, fetched),
            lambda w=bad: shop.vault.prepare(w, rows),
            lambda w=bad: shop.vault.seal_for(w, 2, "orders", b"x", b"y"),
            lambda w=bad: shop.vault.compact(w, 2),
        ):
            with pytest.raises(AccessDenied) as caught:
                act()
            assert caught.value.reason == "warrant.missing"


def test_a_missing_cell_is_noticed(shop) -> None:
    shop.seal(shop.purchases((1, 10, 1)))
    with shop.home.data.write() as tx:
        assert tx.run("DELETE FROM cell WHERE grp = 1") == 1
    with pytest.raises(IntegrityError):
        shop.read(1)


def test_a_replayed_cell_is_noticed(shop, covering) -> None:
    for number in range(1, 4):
        shop.seal(shop.purchases((1, number, number)))
    with shop.home.data.read() as tx:
        old = tx.all("SELECT sno, dom, seq, grp, n, lapses, ct FROM cell WHERE grp = 1")
    shop.vault.compact(covering(1), 1)
    with shop.home.data.write() as tx:
        tx.run("INSERT INTO cell VALUES (?, ?, ?, ?, ?, ?, ?)", old[0])
    with pytest.raises(IntegrityError):
        shop.read(1)


def test_a_rolled_back_head_is_noticed(shop) -> None:
    shop.seal(shop.purchases((1, 1, 1)))
    with shop.home.data.read() as tx:
        old = tx.all("SELECT ct, sno, dom FROM head")
    shop.seal(shop.purchases((1, 2, 2)))
    with shop.home.data.write() as tx:
        tx.many("UPDATE head SET ct = ? WHERE sno = ? AND dom = ?", old)
    with pytest.raises(IntegrityError):
        shop.read(1)


def test_cells_without_their_head_are_refused(shop) -> None:
    shop.seal(shop.purchases((1, 1, 1)))
    with shop.home.data.write() as tx:
        tx.run("DELETE FROM head")
    with pytest.raises(IntegrityError):
        shop.read(1)


def test_who_was_erased_between_fetch_and_open_is_left_out(shop, covering) -> None:
    shop.seal(shop.purchases((1, 10, 1), (2, 20, 2)))
    plan = Plan("purchase", ("item",), ("orders/hold",), None)
    with shop.home.data.read() as tx:
        fetched = shop.vault.fetch(tx, plan, [1, 2])
    shop.vault.shred(1)
    events = shop.vault.open(covering(1, 2), fetched)
    assert events.columns["item"].tolist() == [2]
    assert events.starts.tolist() == [0, 0, 1]


def test_who_was_erased_and_came_back_between_fetch_and_open_is_to_be_fetched_again(
    shop, covering
) -> None:
    shop.seal(shop.purchases((1, 10, 1)))
    plan = Plan("purchase", ("item",), ("orders/hold",), None)
    with shop.home.data.read() as tx:
        fetched = shop.vault.fetch(tx, plan, [1])
    shop.vault.shred(1)
    shop.seal(shop.purchases((1, 30, 3)))
    with pytest.raises(Renewed):
        shop.vault.open(covering(1), fetched)
    assert shop.read(1).columns["item"].tolist() == [3]


def test_another_key_in_place_of_hers_is_damage(shop) -> None:
    shop.seal(shop.purchases((1, 10, 1), (2, 20, 2)))
    with shop.home.keys.write() as tx:
        wrapped, kc = tx.one("SELECT wrapped, kc FROM subject_key WHERE sno = 2 AND dom = 1")
        tx.run(
            "UPDATE subject_key SET wrapped = ?, kc = ? WHERE sno = 1 AND dom = 1", (wrapped, kc)
        )
    with pytest.raises(IntegrityError):
        shop.read(1)


def test_ids_come_as_numbers_only_where_all_of_them_are(shop) -> None:
    rows = shop.purchases((1, 10, 1), (2, 20, 2), (2, 30, 3))
    mixed = {**rows.columns, "basket": np.array(["17", "0017", None], object)}
    shop.seal(Rows("purchase", rows.dom_of, rows.snos, rows.at, mixed))
    assert shop.read(1).columns["basket"].tolist() == [17]
    assert shop.read(1, 2).columns["basket"].tolist() == ["17", "0017", None]


def test_ids_outside_the_catalogue_come_with_their_texts(shop) -> None:
    rows = shop.purchases((1, 10, 1), (2, 20, 2), (2, 30, 3))
    codes = {**rows.columns, "item": np.array([-2, 8, -1])}
    extra = {"item": ("gone-1", "gone-2")}
    shop.seal(Rows("purchase", rows.dom_of, rows.snos, rows.at, codes, extra))
    events = shop.read(1, 2)
    found = [events.extra["item"][-c - 1] if c < 0 else c for c in events.columns["item"].tolist()]
    assert found == ["gone-2", 8, "gone-1"]


def test_a_field_that_nobody_sealed_is_null(shop) -> None:
    assert shop.read(7).columns["value"].tolist() == []
    rows = shop.purchases((1, 10, 1))
    part = {name: rows.columns[name] for name in ("item", "basket")}
    shop.seal(Rows("purchase", rows.dom_of, rows.snos, rows.at, part))
    assert shop.read(1).columns["value"].tolist() == [NULL]


def test_a_layout_of_a_newer_policy_is_not_read_around(shop, another) -> None:
    newer = another(
        [("purchase", ("item",)), ("purchase", ("basket",)), ("purchase", ("value", "discount"))]
    )
    newer.seal(newer.purchases((1, 10, 1)))
    with pytest.raises(StoreUnavailable) as caught:
        shop.read(1)
    assert caught.value.reason == "layout.unknown"


def test_nothing_sealed_shows_in_any_text(shop) -> None:
    rows = shop.purchases((1, 10, 777))
    prepared = shop.vault.prepare(Warrant.issue(1, "orders", frozenset({1})), rows)
    with shop.home.data.read() as tx:
        fetched = shop.vault.fetch(tx, Plan("purchase", ("item",), ("orders",), None), [1])
    for thing in (rows, prepared, fetched, shop.vault, shop.keys):
        assert "777" not in repr(thing)
    with pytest.raises(TypeError):
        pickle.dumps(shop.keys)


def test_rows_of_a_domain_begun_anew_never_meet_those_that_a_held_one_kept(shop) -> None:
    shop.seal(shop.purchases((1, 10, 1), (1, 20, 2)))
    shop.vault.shred(1, ["orders/hold"])
    shop.seal(shop.purchases((1, 10, 3)))
    events = shop.read(1)
    assert sorted(events.columns["discount"].tolist()) == [-3, -2, -1]
    assert sorted(events.columns["item"].tolist()) == [NULL, NULL, 3]
    of_three = events.columns["item"].tolist().index(3)
    assert events.columns["discount"][of_three] == -3


def test_a_key_that_was_wrapped_for_another_commitment_is_damage(shop) -> None:
    from privet.crypto import commitment, random_key
    from privet.vault.keyroom.wrapping import SUBJECT, WRAP

    shop.seal(shop.purchases((1, 10, 1)))
    kc = commitment(b"privet-kc-v1", random_key())
    ad = WRAP.pack(SUBJECT, shop.home.deployment, 1, 1, 1, 9, kc)
    wrapped = shop.keys.wraps.kek(1).seal(random_key(), ad)
    with shop.home.keys.write() as tx:
        tx.run(
            "UPDATE subject_key SET wrapped = ?, kc = ?, gen = 9 WHERE sno = 1 AND dom = 1",
            (wrapped, kc),
        )
    with pytest.raises(IntegrityError, match="committed to"):
        shop.read(1)
