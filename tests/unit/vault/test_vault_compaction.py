"""Re-cutting changes how cells are laid out and what has lapsed, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from privet.errors import AccessDenied, PolicyError, StoreUnavailable
from privet.vault import Rows

DAY = 86_400_000_000


def test_compaction_merges_small_cells_and_changes_no_row(shop, covering) -> None:
    for number in (3, 1, 2, 9, 7):
        shop.seal(shop.purchases((1, 10 * number, number), keys=[b"%d" % number]))
    before = shop.read(1)
    assert shop.vault.compact(covering(1), 1) > 0
    after = shop.read(1)
    assert after.at.tolist() == before.at.tolist()
    for name, values in before.columns.items():
        assert after.columns[name].tolist() == values.tolist()
    with shop.home.data.read() as tx:
        assert tx.all("SELECT DISTINCT n FROM cell") == [(5,)]
        assert tx.one("SELECT MIN(seq) FROM cell")[0] > 5
    assert shop.seal(shop.purchases((1, 10, 1), keys=[b"1"])).repeated == 1
    assert shop.vault.compact(covering(1), 1) == 0


def test_full_cells_are_left_alone(shop, covering) -> None:
    shop.seal(shop.purchases(*((1, i, i) for i in range(200))))
    with shop.home.data.read() as tx:
        full = tx.all("SELECT seq, grp, dom FROM cell WHERE n = 128 ORDER BY 1, 2, 3")
    for number in range(200, 205):
        shop.seal(shop.purchases((1, number, number)))
    shop.vault.compact(covering(1), 1)
    with shop.home.data.read() as tx:
        assert full == tx.all("SELECT seq, grp, dom FROM cell WHERE n = 128 ORDER BY 1, 2, 3")
    assert shop.read(1).columns["item"].tolist() == list(range(205))


def test_long_histories_get_longer_cells(shop, covering) -> None:
    for start in range(0, 2100, 300):
        shop.seal(shop.purchases(*((1, i, i) for i in range(start, start + 300))))
    shop.vault.compact(covering(1), 1)
    with shop.home.data.read() as tx:
        assert tx.all("SELECT n FROM cell WHERE grp = 1 ORDER BY seq") == [(1024,), (1024,), (52,)]
    assert shop.vault.compact(covering(1), 1) == 0
    assert shop.read(1).columns["value"].tolist() == [10 * i + 7 for i in range(2100)]


def test_finer_atoms_are_re_sealed_before_they_can_be_read(shop, another, covering) -> None:
    shop.seal(shop.purchases((1, 10, 1), (1, 20, 2)))
    finer = another(
        [
            ("purchase", ("item",)),
            ("purchase", ("basket",)),
            ("purchase", ("value",)),
            ("purchase", ("discount",)),
        ]
    )
    with pytest.raises(StoreUnavailable) as caught:
        finer.read(1, fields=("item",))
    assert caught.value.reason == "layout.outdated"
    assert finer.read(1).columns["item"].tolist() == [1, 2]  # granted together: may be opened
    assert list(finer.vault.overdue(0).outdated) == [1]
    finer.vault.compact(covering(1), 1)
    assert not finer.vault.overdue(0).outdated
    for name, expected in (("item", [1, 2]), ("value", [17, 27]), ("discount", [-1, -2])):
        assert finer.read(1, fields=(name,)).columns[name].tolist() == expected


def test_an_outdated_profile_is_re_sealed(shop, another, covering) -> None:
    arrays = {"email": np.array(["a@b.org"], object), "age": np.array(["25-34"], object)}
    doms = dict.fromkeys(arrays, "orders")
    shop.seal(Rows("profile", doms, np.array([1]), np.array([5]), arrays))
    joined = another([("profile", ("email", "age"))])
    joined.vault.compact(covering(1), 1)
    found = joined.read(1, event="profile", fields=("email", "age"))
    assert found.columns["email"].tolist() == ["a@b.org"]
    assert found.columns["age"].tolist() == ["25-34"]
    assert joined.cells() == 1


def test_a_field_that_changes_its_type_is_refused(shop) -> None:
    from privet.vault import Vault

    vault = Vault(shop.home, shop.keys, shop.subjects, None)  # type: ignore[arg-type]
    with pytest.raises(PolicyError) as caught:
        vault.install(
            [("purchase", ("value",))], [("orders", "orders", "")], {"purchase.value": ("int", 0)}
        )
    assert caught.value.reason == "layout.kind"


def test_a_sweep_drops_what_has_lapsed_in_each_domain_by_its_own_cutoff(shop, covering) -> None:
    numbers = range(1, 40)
    shop.seal(
        shop.purchases(*((1, i * DAY, i) for i in numbers), keys=[b"%d" % i for i in numbers])
    )
    now = 40 * DAY
    assert list(shop.vault.overdue(now).lapsed) == [1]
    dropped = shop.vault.sweep(covering(1), now, {"orders": now - 20 * DAY, "orders/hold": 0})
    assert dropped == 19
    events = shop.read(1)
    assert events.columns["item"].tolist() == list(numbers)
    null = np.iinfo(np.int64).min
    assert events.columns["discount"].tolist() == [null] * 19 + [-i for i in numbers if i >= 20]
    assert shop.vault.sweep(covering(1), now, {"orders": now - 20 * DAY}) == 0
    later = 230 * DAY
    shop.vault.sweep(covering(1), later, {"orders/hold": later - 200 * DAY})
    assert shop.read(1, fields=("item",)).columns["item"].tolist() == list(range(30, 40))
    again = shop.purchases((1, 30 * DAY, 30), keys=[b"30"])
    assert shop.seal(again).repeated == 1


def test_a_sweep_opens_nothing_that_has_not_lapsed(shop, covering, monkeypatch) -> None:
    from privet.vault import compaction

    shop.seal(shop.purchases((1, 100 * DAY, 1)))
    monkeypatch.setattr(compaction, "decode_cells", lambda *_: 1 / 0)
    assert shop.vault.sweep(covering(1), 110 * DAY, {"orders": 90 * DAY, "orders/hold": 0}) == 0


def test_lapse_weeks_never_move_to_a_later_week(shop, covering) -> None:
    for day in range(1, 60, 2):
        shop.seal(shop.purchases((1, day * DAY, day)))
    shop.vault.compact(covering(1), 1)
    with shop.home.data.read() as tx:
        (week,) = tx.one("SELECT lapses FROM cell WHERE dom = 1 AND grp = 2")
    assert (1 + 20) // 7 - 1 <= week <= (1 + 20) // 7


def test_a_sweep_visits_only_whom_the_warrant_names(shop, covering) -> None:
    shop.seal(shop.purchases((1, DAY, 1), (2, DAY, 2)))
    now = 500 * DAY
    assert shop.vault.sweep(covering(2), now, {"orders": now - DAY, "orders/hold": now}) == 2
    assert shop.read(1, 2).columns["item"].tolist() == [1]
    forged = type(covering(1))(1, "x", frozenset({1}))
    with pytest.raises(AccessDenied):
        shop.vault.sweep(forged, now, {"orders": now})


def test_who_writes_during_a_compaction_loses_nothing(shop, another, covering, monkeypatch) -> None:
    from privet.vault import compaction

    for number in range(1, 5):
        shop.seal(shop.purchases((1, number, number)))
    other, real, calls = another(), compaction.open_pen, []

    def overtaken(*args):
        pen = real(*args)
        if not calls:
            other.seal(other.purchases((1, 9, 9)))
        calls.append(1)
        return pen

    monkeypatch.setattr(compaction, "open_pen", overtaken)
    assert shop.vault.compact(covering(1), 1) > 0
    assert len(calls) == 2
    assert shop.read(1).columns["item"].tolist() == [1, 2, 3, 4, 9]


def test_holdings_are_told_without_opening(shop) -> None:
    shop.seal(shop.purchases((1, 1, 1), (1, 2, 2), (2, 1, 1), keys=[b"a", b"b", b"c"]))
    with shop.home.data.read() as tx:
        found = [(h.domain, h.event, h.rows) for h in shop.vault.holdings(tx, 1)]
        assert sorted(shop.vault.domains_of(tx, 1)) == ["orders", "orders/hold"]
        assert shop.vault.domains_of(tx, 9) == []
    assert found == [("orders", "purchase", 2), ("orders/hold", "purchase", 2)]


def test_shredding_takes_only_the_domains_named(shop) -> None:
    shop.seal(shop.purchases((1, 1, 1), (2, 1, 2)))
    assert len(shop.vault.shred(1, ["orders"])) == 1
    with shop.home.data.read() as tx:
        assert shop.vault.domains_of(tx, 1) == ["orders/hold"]
    assert shop.vault.shred(1, ["orders"]) == []
    assert len(shop.vault.shred(1)) == 1
    assert shop.cells() == 3
    assert shop.read(1, 2).columns["item"].tolist() == [2]


def test_a_tag_never_goes_before_its_event(shop, covering) -> None:
    hour = DAY // 24
    rows = shop.purchases((1, DAY, 1), (1, 30 * DAY + 12 * hour, 2), keys=[b"1", b"2"])
    shop.seal(rows)
    now = 300 * DAY
    cutoff = 30 * DAY + 6 * hour
    assert shop.vault.sweep(covering(1), now, {"orders/hold": cutoff}) == 1
    again = shop.purchases((1, 30 * DAY + 12 * hour, 2), keys=[b"2"])
    assert shop.seal(again).repeated == 1
