"""What the gate refuses by somebody's past equals a slow look at the whole past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.deployment import open_deployment
from privet.gate import duty
from privet.policy import load
from privet.testing import FakeClock

BEGIN = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SUBJECT, DAY, THREE = ("a", "b"), ("b", "c"), ("c", "d", "e")
SEPARATE = (
    "separate: [{roles: [a, b], within: subject}, "
    "{roles: [b, c], within: 24h}, {roles: [c, d, e], within: 48h}, "
    "{roles: [d, e], within: subject}]"
)
ROLES = "roles:\n  a: {}\n  b: {}\n  c: {}\n  d: {}\n  e: {}\n  f: {inherits: [a]}\n  g: {inherits: [f, d]}\n"  # noqa: E501
HELD = {"a": "a", "b": "b", "c": "c", "d": "d", "e": "e", "f": "a", "g": "ad"}
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Act:
    who: str
    role: str
    sno: int
    wait: int


acts = st.lists(
    st.builds(
        Act,
        st.sampled_from(["x", "y"]),
        st.sampled_from(sorted(HELD)),
        st.integers(1, 2),
        st.sampled_from([0, 2, 22, 24, 26, 50]),
    ),
    max_size=14,
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, FakeClock]]:
    place = tmp_path_factory.mktemp("duty")
    texts = load("pack:shop").documents
    policy = texts["policy"].replace("\nroles:\n", f"\n{SEPARATE}\n{ROLES}")
    for name, text in {**texts, "policy": policy}.items():
        if "/" not in name:
            (place / f"{name}.yaml").write_text(text)
    clock = FakeClock(BEGIN)
    with open_deployment(
        place / "home", policy=place / "policy.yaml", clock=clock, sync="OFF"
    ) as opened:
        yield opened, clock


def barred(past: list[tuple[str, str, int, datetime]], act: Act, now: datetime) -> bool:
    """Every act before, looked at in turn; a note is of the hour, so a time is an hour longer."""
    mine = set(HELD[act.role])
    for who, role, sno, at in past:
        if who != act.who:
            continue
        for other in HELD[role]:
            for roles, hours in ((SUBJECT, None), (DAY, 24), (THREE, 48), (("d", "e"), None)):
                if other not in roles or not (mine & set(roles)) - {other}:
                    continue
                if (hours is None and sno == act.sno) or (
                    hours is not None and now - at < timedelta(hours=hours + 1)
                ):
                    return True
    return False


NUMBERS = count()


@given(acts)
def test_the_past_bars_as_a_slow_look_at_all_of_it(
    shop: tuple[Any, FakeClock], some: list[Act]
) -> None:
    opened, clock = shop
    run = next(NUMBERS)
    past: list[tuple[str, str, int, datetime]] = []
    for act in some:
        clock.advance(act.wait * HOUR)
        caller = opened.principal(f"{act.who}{run}", roles=[act.role])._caller
        why = duty.perform(opened._parts, caller, [act.sno])
        assert (why is not None) == barred(past, act, clock.now())
        if why is None:
            past.append((act.who, act.role, act.sno, clock.now()))
