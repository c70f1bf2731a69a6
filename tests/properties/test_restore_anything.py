"""Whatever people do, and whenever the backup was taken: a restore agrees with the newest log."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.restores import PURPOSE, Shop, looks, number_of, rows_of

import privet
from privet.errors import PrivetError
from privet.testing import FakeClock

PEOPLE = ("p0", "p1", "p2")
ACTS = ("yes", "no", "look", "withdraw", "restrict", "lift", "erase")
Step = tuple[str, str]


def act(shop: privet.Deployment, who: str, what: str) -> None:
    """One act; what the policy or her standing refuses changes nothing."""
    herself, desk = shop.subject(who, proof="t"), shop.principal("d", roles=["privacy-desk"])
    try:
        match what:
            case "yes" | "no":
                herself.consent.answer({PURPOSE: what == "yes"}, notice="1", how="web")
            case "look":
                looks(shop, who, 2)
            case "withdraw":
                herself.consent.withdraw(PURPOSE, how="web")
            case "restrict":
                desk.consent.restrict(who, reason="evidence")
            case "lift":
                desk.consent.lift(who, reason="done")
            case _:
                herself.rights.erase()
    except PrivetError:
        pass


def standing(shop: privet.Deployment, who: str) -> tuple[str, bool]:
    """How she stands, and whether she is known at all."""
    if number_of(shop, who) is None:
        return "nobody", shop._parts.subjects.suppressed([who])[0]  # type: ignore[attr-defined]
    return str(shop.subject(who, proof="t").consent.state()[PURPOSE]), True


@settings(max_examples=8, phases=[Phase.explicit, Phase.generate])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(PEOPLE), st.sampled_from(ACTS)), min_size=4, max_size=14
    ),
    cut=st.integers(0, 13),
)
def test_a_restore_agrees_with_the_newest_log(steps: list[Step], cut: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        clock = FakeClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
        stand = Shop(str(root / "home"), root, clock)
        with stand.open("pack:shop") as shop:
            shop.principal("ops", roles=["operator"]).admin.load_items(
                [{"item": f"item-{n}"} for n in range(5)]
            )
            for number, (who, what) in enumerate(steps):
                if number == cut % len(steps):
                    full = stand.back_up(shop, "full")
                    numbers = {p: number_of(shop, p) for p in PEOPLE}
                act(shop, who, what)
                clock.advance(timedelta(minutes=1))
            shop.maintenance.run()
            newest = stand.back_up(shop, "newest") / "audit"
            told = {p: standing(shop, p) for p in PEOPLE}
            now = {p: number_of(shop, p) for p in PEOPLE}
        with stand.restored(str(root / "new"), full, audit=newest) as shop:
            for who in PEOPLE:
                if numbers[who] is None or now[who] not in {None, numbers[who]}:
                    continue  # who came later, or came back, answers anew
                assert standing(shop, who) == told[who]
                if now[who] is None:
                    assert set(rows_of(shop, numbers[who] or 0).values()) == {0}
            newcomer = shop.subject("p8", proof="t")
            newcomer.consent.answer({PURPOSE: True}, notice="1", how="web")
            given_now = number_of(shop, "p8") or 0
            assert given_now > max([*(n or 0 for n in now.values()), 0]) + 2**16 - 1
