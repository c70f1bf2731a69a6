"""What a ground was at any past position and instant is what was answered then."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.guards import empty_the_ledger

from privet.consent import Change, Ledger, Standing, Told
from privet.db import Home

BASES = {
    "agree": "consent",
    "deal": "contract",
    "care": "legitimate-interest",
    "share": "opt-out",
}
WHERE = {"share": frozenset({"US-CA"})}
PLACES = ("", "US-CA", "DE")
KINDS = {
    "agree": ("yes", "yes", "no", "withdrawn", "objected", "overruled"),
    "deal": ("begun", "ended", "objected", "upheld", "overruled"),
    "care": ("objected", "upheld", "overruled", "begun"),
    "share": ("opted-out", "opted-in", "objected"),
    "*": ("known", "restricted", "lifted"),
}
steps = st.lists(
    st.one_of(
        st.tuples(st.just("fence")),
        st.tuples(st.just("notice"), st.none() | st.integers(0, 30)),
        *(
            st.tuples(
                st.just(purpose),
                st.sampled_from(kinds),
                st.none() | st.integers(0, 40),
                st.booleans(),
                st.sampled_from(PLACES),
            )
            for purpose, kinds in KINDS.items()
        ),
    ),
    min_size=1,
    max_size=12,
)
ME = 7


def take(ledger: Ledger, tx: Any, seq: int, now: int, step: tuple[Any, ...]) -> None:
    if step[0] == "fence":
        ledger.fence(tx, ME, "R", seq)
    elif step[0] == "notice":
        lapses = None if step[1] is None else now + step[1]
        text = f"{seq:064x}"
        ledger.tell(tx, Told(seq, text, "n", f"v{seq}", "en", ("agree",), text, now, lapses))
    else:
        purpose, kind, lasts, seen, place = step
        expires = now + lasts if lasts is not None and kind in {"yes", "begun"} else None
        seen_at = seq - 1 if seen else -1
        change = Change(ME, purpose, kind, now, jurisdiction=place, seen=seen_at, expires=expires)
        ledger.apply(tx, [(seq, change)])


def all_of(ledger: Ledger, tx: Any, now: int) -> dict[str, Standing]:
    return {purpose: ledger.standing(tx, ME, purpose, now) for purpose in BASES}


def check_past(home: Home, life: list[tuple[Any, ...]]) -> None:
    ledger = Ledger(home.data, b"k" * 32, BASES, WHERE)
    answered: list[tuple[int, int, dict[str, Standing]]] = []
    with home.data.write() as tx:
        empty_the_ledger(tx)
        for seq, step in enumerate(life, 1):
            now = 100 + 10 * seq
            take(ledger, tx, seq, now, step)
            answered += [(seq, at, all_of(ledger, tx, at)) for at in (now, now + 9)]
        for position, at, expected in answered:
            for purpose, standing in expected.items():
                assert ledger.standing_at(tx, ME, purpose, position, at) == standing


def test_any_past_instant_is_reproduced(home: Home) -> None:
    few = home.data.dialect == "postgresql"
    run = settings(max_examples=5 if few else 60)(given(steps)(lambda life: check_past(home, life)))
    run()
