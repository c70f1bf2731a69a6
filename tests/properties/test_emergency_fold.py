"""An emergency is open exactly where a slow look at all of its records finds it open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from privet.gate.breakglass import MINUTE_US, Row, step

MINUTES = 10
ASKED, ASKER = 7, "p-asker"


@dataclass(frozen=True)
class Said:
    kind: str
    who: str
    at: int


records = st.lists(
    st.builds(
        Said,
        st.sampled_from(["confirmed", "confirmed", "ended"]),
        st.sampled_from([ASKER, "p-one", "p-two"]),
        st.integers(0, 4 * MINUTES),
    ),
    max_size=6,
).map(lambda some: sorted(some, key=lambda said: said.at))


def body(told: dict[str, Any], who: str, minute: int) -> dict[str, Any]:
    return {"step": told, "who": who, "ts": minute * MINUTE_US}


def folded(some: list[Said]) -> Row:
    told = {"is": "asked", "permit": "x", "policy": "h", "minutes": MINUTES, "commitment": "c"}
    row = step(None, ASKED, body(told, ASKER, 0))
    for n, said in enumerate(some):
        row = step(row, ASKED + 1 + n, body({"is": said.kind, "of": ASKED}, said.who, said.at))
    assert row is not None
    return row


def is_open(some: list[Said], minute: int) -> bool:
    """The definition: confirmed in time by another, not ended before or since, not too old."""
    before = [said for said in some if said.at <= minute]
    for n, said in enumerate(before):
        earlier, since = before[:n], before[n + 1 :]
        if said.kind != "confirmed" or said.who == ASKER or said.at >= MINUTES:
            continue
        if any(e.kind == "ended" and e.at < MINUTES for e in earlier):
            return False
        ended = any(s.kind == "ended" and s.at < said.at + MINUTES for s in since)
        return not ended and minute < said.at + MINUTES  # the first that counts
    return False


@settings(max_examples=300)
@given(records, st.integers(0, 6 * MINUTES))
def test_it_is_open_exactly_where_two_opened_it_and_nobody_ended_it(
    some: list[Said], minute: int
) -> None:
    heard = [said for said in some if said.at <= minute]  # no record is from the future
    open_now = folded(heard).state(minute * MINUTE_US) == "open"
    assert open_now == is_open(some, minute)


@settings(max_examples=300)
@given(records)
def test_a_record_told_twice_changes_nothing_and_no_end_is_undone(some: list[Said]) -> None:
    row = folded(some)
    again = row
    for n, said in enumerate(some):
        after = step(again, 99 + n, body({"is": said.kind, "of": ASKED}, said.who, 10**6))
        assert after is not None
        again = after
    assert again == row
    if row.second:
        assert row.second != ASKER
        assert row.until <= (MINUTES + MINUTES) * MINUTE_US
