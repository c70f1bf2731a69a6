"""A backup of every moment of a life, restored with the newest log: the law holds as it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.restores import (
    LIFE,
    PURPOSE,
    Shop,
    database,
    found,
    looks,
    number_of,
    rows_of,
    train,
)

import privet
from privet.audit.verifier import verify_certificate
from privet.testing import FakeClock

Places = Callable[[], str]
ON_FILES = pytest.mark.parametrize("where", ["sqlite"], indirect=True)
"""What no database changes anything about."""


@pytest.fixture
def place(where: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    """Further places of the same kind as the home."""
    with ExitStack() as databases:
        count = 0

        def another() -> str:
            nonlocal count
            count += 1
            if "://" in where:
                return databases.enter_context(database(request.getfixturevalue("postgres_server")))
            return str(tmp_path / f"place-{count}")

        yield another


@pytest.fixture
def stand(where: str, tmp_path: Path) -> Shop:
    return Shop(where, tmp_path, FakeClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC)))


def lived(stand: Shop) -> dict[str, int]:
    """Live to the end, with a backup after each moment; the numbers that people had."""
    with stand.open("pack:shop") as shop:
        for name, happens in LIFE.items():
            happens(shop)
            if name == "agreed":
                numbers = {who: number_of(shop, who) for who in ("p0", "p1", "p2", "p3", "p4")}
            stand.back_up(shop, name)
    return {who: sno for who, sno in numbers.items() if sno is not None}


def test_what_the_newest_log_knows_holds_after_a_restore_of_any_moment(
    stand: Shop, place: Places
) -> None:
    numbers = lived(stand)
    newest = stand.backups["restricted"] / "audit"
    # Each moment on files; of a database the first and one amid an erasure's hold.
    for moment in ("agreed", "held") if "://" in stand.where else LIFE:
        with stand.restored(place(), stand.backups[moment], audit=newest) as shop:
            check_all(shop, numbers)


def check_all(shop: privet.Deployment, numbers: dict[str, int]) -> None:
    """The erased are gone, the withdrawn withdrawn, the held held; and all works."""
    assert set(rows_of(shop, numbers["p0"]).values()) == {0}
    assert number_of(shop, "p0") is None
    web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
    assert shop._parts.subjects.suppressed(["p0", "p1", "p4"]) == [True, True, False]
    for who, why in (
        ("p0", "ground.missing"),
        ("p2", "ground.withdrawn"),
        ("p3", "ground.restricted"),
    ):
        with pytest.raises(privet.PrivetError) as refusal:
            web.record(who, "view", event_id="again", item="item-1")
        assert refusal.value.reason == why
    assert shop.subject("p2", proof="t").consent.state()[PURPOSE] == "withdrawn"
    assert rows_of(shop, numbers["p2"])["subject_key"] <= 2  # identity and evidence
    held = rows_of(shop, numbers["p1"])
    assert held["cell"] > 0
    assert (held["contribution"], held["ledger"]) == (0, 0)
    looks(shop, "p5", 3)
    waiting = shop.maintenance.overdue()
    assert (waiting["erasures"], waiting["withdrawals"]) == (0, 0)
    assert [one for one in shop.maintenance.examine() if one.state != "ok"] == []
    shop.subject("p9", proof="t").consent.answer({PURPOSE: True}, notice="1", how="web")
    newcomer = number_of(shop, "p9")
    assert newcomer is not None
    assert newcomer > max(numbers.values()) + 2**16


def test_a_model_that_held_the_erased_is_the_one_that_never_saw_them(
    stand: Shop, place: Places
) -> None:
    lived(stand)
    newest = stand.backups["restricted"] / "audit"
    with stand.open() as shop:
        expected = shop._parts.home.data.all("SELECT digest FROM model")
    with stand.restored(place(), stand.backups["learned"], audit=newest) as shop:
        got = shop._parts.home.data.all("SELECT digest FROM model")
        assert [bytes(r[0]) for r in got] == [bytes(r[0]) for r in expected]
        assert shop._parts.home.data.all("SELECT 1 FROM contribution WHERE sno IN (1, 2, 3)") == []


@ON_FILES
def test_the_certificates_of_before_and_after_verify(stand: Shop, place: Places) -> None:
    with stand.open("pack:shop") as shop:
        found(shop)
        stand.back_up(shop, "full")
        first = shop.subject("p0", proof="t").rights.erase()
        newest = stand.back_up(shop, "newest")
    assert verify_certificate(first.certificate).ok
    with stand.restored(place(), stand.backups["full"], audit=newest / "audit") as shop:
        rows = shop._parts.home.data.all("SELECT id, state, certificate FROM request")
        assert [(r[0], r[1]) for r in rows] == [(first.receipt, "done")]
        assert verify_certificate(bytes(rows[0][2])).ok
    assert verify_certificate(first.certificate).ok


@ON_FILES
def test_what_was_sealed_before_opens_and_what_is_sealed_later_names_its_timeline(
    stand: Shop, place: Places
) -> None:
    with stand.open("pack:shop") as shop:
        found(shop)
        train(shop)
        full = stand.back_up(shop, "full")
    with stand.restored(place(), full) as shop:
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        assert web.recommend("p4").personal
        looks(shop, "p4", 4)
        parts: Any = shop._parts
        headers = {bytes(r[0])[1:3] for r in parts.home.data.all("SELECT ct FROM cell")}
        assert headers == {b"\x01\x00", b"\x02\x00"}
        assert parts.keys.timeline() == 2
        (told,) = shop.maintenance.restores()
        assert (told.timeline, told.lost, told.words) == (2, 0, "")
