"""A stolen backup tells nothing, and one taken amid writes is whole."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.restores import PURPOSE, Shop, database, found, looks, number_of

import privet
from privet.clock import SystemClock
from privet.db import roles
from privet.testing import FakeClock
from privet.testing.inside import rows

CANARY = "canary-7f3a91c4e2"


@pytest.fixture
def stand(where: str, tmp_path: Path) -> Shop:
    return Shop(where, tmp_path, FakeClock(datetime(2026, 3, 2, 9, tzinfo=UTC)))


def test_no_value_of_a_person_is_in_a_backup(stand: Shop) -> None:
    with stand.open("pack:shop") as shop:
        found(shop)
        web = shop.principal("web", roles=["storefront"])
        web.consent.begin(CANARY, "orders", reference=CANARY)
        web.purpose("orders").describe(CANARY, email=f"{CANARY}@example.com")
        web.purpose("orders").record(
            CANARY, "purchase", order=CANARY, item="item-1", quantity=1, value="9.50"
        )
        full = stand.back_up(shop, "full")
    secrets = [path.read_bytes() for path in (stand.root / "ring").iterdir()]
    needles = [CANARY.encode(), CANARY.upper().encode(), CANARY[::-1].encode()]
    for path in full.rglob("*.*"):
        content = path.read_bytes()
        assert not any(needle in content for needle in needles)
        for _, row in rows(path):  # values that pages cut in two
            assert not any(needle in row for needle in needles)
    for secret in secrets:
        key = secret.split(b" ")[-1].strip()
        assert not any(key in path.read_bytes() for path in full.rglob("*") if path.is_file())


def test_data_and_keys_are_in_no_file_together(stand: Shop) -> None:
    with stand.open("pack:shop") as shop:
        found(shop)
        full = stand.back_up(shop, "full")
        keys: Any = shop._parts.home.keys
        wrapped = [bytes(r[0]) for r in keys.all("SELECT wrapped FROM subject_key")]
    holding = [p.name for p in full.rglob("*") if p.is_file() and wrapped[0] in p.read_bytes()]
    assert holding == ["keys.db"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_amid_writes_is_whole_and_loses_nothing_that_its_log_knows(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where = str(tmp_path / "home")
    if kind == "postgresql":
        where = request.getfixturevalue("postgres_url")
    clock: Any = SystemClock()
    stand = Shop(where, tmp_path, clock)
    with stand.open("pack:shop") as shop:
        found(shop)
        stop, failures = threading.Event(), []
        told: dict[str, str] = {}

        def writes(work: Callable[[int], None]) -> None:
            n = 0
            while not stop.is_set():
                n += 1
                try:
                    work(n)
                except privet.PrivetError as error:
                    failures.append(error.reason)

        def answers(n: int) -> None:
            who = f"p{100 + n % 7}"
            yes = n % 3 != 0
            shop.subject(who, proof="t").consent.answer({PURPOSE: yes}, notice="1", how="web")
            told[who] = "active" if yes else "withdrawn"

        def views(n: int) -> None:
            looks(shop, f"p{3 + n % 3}", 1 + n % 5)

        def erases(n: int) -> None:
            if n == 3:
                shop.subject("p0", proof="t").rights.erase()

        threads = [threading.Thread(target=writes, args=(w,)) for w in (answers, views, erases)]
        for thread in threads:
            thread.start()
        backups = [tmp_path / "backups" / str(n) for n in range(4)]
        for place in backups:
            shop.maintenance.backup(place)
        stop.set()
        for thread in threads:
            thread.join()
        shop.maintenance.run()
        shop.maintenance.backup(tmp_path / "backups" / "newest")
        known = {who: shop.subject(who, proof="t").consent.state()[PURPOSE] for who in told}
    assert set(failures) <= {"ground.stale"}
    for n, place in enumerate(backups):
        target = str(tmp_path / f"restored-{n}")
        newest = tmp_path / "backups" / "newest" / "audit"
        with stand.restored(target, place, audit=newest) as shop:
            assert number_of(shop, "p0") is None
            for who, state in known.items():
                if number_of(shop, who) is not None:  # came before the copy of keys
                    assert shop.subject(who, proof="t").consent.state()[PURPOSE] == state
            assert [one for one in shop.maintenance.examine() if one.state == "fail"] == []
        with stand.restored(f"{target}-alone", place) as shop:
            assert [one for one in shop.maintenance.examine() if one.state == "fail"] == []


def test_a_database_is_failed_over_and_accepted(postgres_server: Any, tmp_path: Path) -> None:
    import psycopg

    with database(postgres_server) as url:
        stand = Shop(url, tmp_path, FakeClock(datetime(2026, 3, 2, 9, tzinfo=UTC)))
        with stand.open("pack:shop") as shop:
            found(shop)
            shop.subject("p2", proof="t").consent.withdraw(PURPOSE, how="web")
        with psycopg.connect(url, autocommit=True) as owner:  # as if another server took over
            owner.execute("UPDATE audit.meta SET value = '7/00000009' WHERE key = 'system'")
        with pytest.raises(privet.StoreUnavailable) as moved:
            stand.open()
        assert moved.value.reason == "store.moved"
        done = privet.restore(
            url, in_place=True, keyring=stand.keyring, clock=stand.clock, sync="OFF"
        )
        assert done.timeline == 2
        with stand.open() as shop:
            assert shop.subject("p2", proof="t").consent.state()[PURPOSE] == "withdrawn"


def test_a_worker_backs_up_and_the_owner_restores(postgres_server: Any, tmp_path: Path) -> None:
    import psycopg

    clock = FakeClock(datetime(2026, 3, 2, 9, tzinfo=UTC))

    def of(url: str, role: str) -> Shop:
        return Shop(re.sub(r"//[^@/]*@", f"//backup_{role}@", url), tmp_path, clock)

    with database(postgres_server) as url, database(postgres_server) as other:
        for place in (url, other):
            with psycopg.connect(place, autocommit=True) as administrator:
                administrator.execute(roles.script("backup"))
        of(url, "owner").open("pack:shop").close()
        with of(url, "worker").open() as shop:
            found(shop)
            full = of(url, "worker").back_up(shop, "full")
        with pytest.raises(privet.StoreUnavailable) as refusal:
            of(url, "worker").brought_back(of(other, "worker").where, full)
        assert refusal.value.reason.startswith(("restore.", "store."))
        of(url, "owner").brought_back(of(other, "owner").where, full)
        with of(other, "worker").open() as shop:
            looks(shop, "p4", 3)
