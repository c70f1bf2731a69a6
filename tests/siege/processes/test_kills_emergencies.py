"""``kill -9`` at every commit of an emergency: what is open has two records, never one."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import privet
from privet.db import Store
from privet.errors import PrivetError
from privet.gate import breakglass
from privet.policy import load

POINTS = range(1, 20)
RULES = """\
separate: [[support, privacy-desk]]
permits:
  - id: warn
    role: support
    for: orders
    may: [read]
    fields: [profile.email]
    break_glass: {minutes: 30, second: [privacy-desk]}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home where Ada has an account, closed."""
    texts = load("pack:shop").documents
    policy = texts["policy"].replace("permits:\n", RULES, 1)
    policy = policy.replace("\nroles:\n", "\nroles:\n  support: {}\n", 1)
    (tmp_path / "policy.yaml").write_text(policy)
    (tmp_path / "data.yaml").write_text(texts["data"])
    with privet.open(tmp_path / "home", policy=tmp_path / "policy.yaml", sync="OFF") as shop:
        till = shop.principal("till", roles=["storefront"])
        till.consent.begin("ada", "orders")
        till.purpose("orders").describe("ada", email="ada@example.com")
    return tmp_path / "home"


def _work(shop: privet.Deployment, told: Any) -> None:
    anna = shop.principal("anna", roles=["support"])
    dora = shop.principal("dora", roles=["privacy-desk"])
    number = anna.emergencies.ask("warn", reason="A kettle burns.").number
    told.put("asked")
    dora.emergencies.confirm(number)
    told.put("open")
    anna.break_glass(number).purpose("orders").profile("ada", "email")
    dora.emergencies.end(number)
    told.put("ended")


def _killed_at(told: Any, home: Path, point: int, after: bool) -> None:
    seen = 0
    real = Store.write

    @contextmanager
    def counted(self: Store) -> Iterator[Any]:
        nonlocal seen
        seen += 1
        with real(self) as tx:
            yield tx
            if seen == point and not after:
                os.kill(os.getpid(), signal.SIGKILL)
        if seen == point:
            os.kill(os.getpid(), signal.SIGKILL)

    shop = privet.open(home, sync="OFF")
    Store.write = counted  # type: ignore[method-assign]
    _work(shop, told)
    told.put("through")


def _acknowledged(told: Any) -> list[str]:
    found = []
    while not told.empty():
        found.append(told.get())
    return found


def _by_the_log(shop: privet.Deployment) -> dict[int, breakglass.Row | None]:
    rows: dict[int, breakglass.Row | None] = {}
    for seq, body in shop._parts.log.leaves(0, 10_000):
        if body["kind"] == breakglass.KIND:
            number = breakglass.number(seq, body)
            rows[number] = breakglass.step(rows.get(number), seq, body)
    return rows


def _reads(shop: privet.Deployment, number: int) -> bool:
    anna = shop.principal("anna", roles=["support"])
    try:
        anna.break_glass(number).purpose("orders").profile("ada", "email")
    except PrivetError:
        return False
    return True


def test_an_emergency_is_killed_at_every_commit(home: Path, in_child: Callable[..., Any]) -> None:
    shutil.copytree(home, home.parent / "before")
    outcomes = set()
    for point in POINTS:
        for after in (False, True):
            shutil.rmtree(home)
            shutil.copytree(home.parent / "before", home)
            process, told = in_child(_killed_at, home, point, after)
            process.join()
            heard = _acknowledged(told)
            with privet.open(home, sync="OFF") as shop:
                logged = _by_the_log(shop)
                with shop._parts.home.data.read() as tx:
                    kept = {row.seq: row for row in breakglass.every(tx, shop._parts)}
                assert kept == logged
                now = shop._parts.now
                states = [row.state(now) for row in logged.values() if row is not None]
                assert all(_reads(shop, n) == (row.state(now) == "open") for n, row in kept.items())
                opened = shop.principal("anna", roles=["support"]).emergencies.ask(
                    "warn", reason="It burns again."
                )
                shop.principal("dora", roles=["privacy-desk"]).emergencies.confirm(opened.number)
                assert _reads(shop, opened.number)
            for said in ("asked", "open", "ended"):  # what was acknowledged, stands
                assert said not in heard or states
            assert "open" not in heard or states[0] in {"open", "ended"}
            assert "ended" not in heard or states[0] == "ended"
            outcomes.update(states or ["none"])
            if "through" in heard:
                assert outcomes == {"none", "asked", "open", "ended"}
                return
    pytest.fail("the work has more commits than were tried")
