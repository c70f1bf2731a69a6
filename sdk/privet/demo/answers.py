"""Who says what, drawn from the seed and the household's id alone.

Nothing that a household bought decides what it answers, and no other household does:
so the rows of those without a ground can be changed without changing who has one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

PURPOSES = {"recommendations": 0.85, "segmentation": 0.60}
"""Share of households that say yes at some time."""

WITHDRAWN, LAPSED, RENEWED = 0.04, 0.03, 0.06
"""Of those who said yes: took it back, let it lapse, gave it twice."""

NOTICE = "grocery/2026-11/en"
"""The text of the pack: what households are told before they answer."""
OPENED = 701
"""How many days before the cut the shop opened: before anybody answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: so many days before the cut."""

    household: int
    purpose: str
    kind: str
    days: int


def draw(seed: int, households: Iterable[int], *, everybody: bool = False) -> list[Answer]:
    """The answers of these households, oldest first within a household and purpose.

    Args:
        seed: with the id it decides everything.
        households: ids.
        everybody: all say yes and keep to it.
    """
    return [
        answer
        for household in households
        for number, (purpose, share) in enumerate(PURPOSES.items())
        for answer in _of(seed, household, number, purpose, share, everybody=everybody)
    ]


def agreed(answers: Iterable[Answer], purpose: str) -> set[int]:
    """Households whose last answer for a purpose is a yes that has not lapsed at the cut."""
    last = {a.household: a for a in answers if a.purpose == purpose}
    return {h for h, a in last.items() if a.kind == "yes" and a.days < 365}


def frame(answers: Iterable[Answer], cut: pd.Timestamp) -> pd.DataFrame:
    """The answers as rows for ``consent.load``, in order of time."""
    import pandas as pd

    rows = [
        {
            "subject": str(a.household),
            "purpose": a.purpose,
            "kind": a.kind,
            "at": cut - pd.Timedelta(days=a.days),
            "event_id": f"demo-{a.household}-{a.purpose}-{a.days}",
        }
        for a in answers
    ]
    return pd.DataFrame(rows).sort_values("at", kind="stable", ignore_index=True)


def _of(
    seed: int, household: int, number: int, purpose: str, share: float, *, everybody: bool
) -> list[Answer]:
    chance = np.random.default_rng([seed, household, number])
    says_yes, fate, early, late = chance.random(4)
    given = 40 + int(early * 290)  # a yes of the last year: still good some weeks after the cut
    if everybody:
        return [Answer(household, purpose, "yes", given)]
    if says_yes >= share:
        return [Answer(household, purpose, "no", given)]
    if fate < WITHDRAWN:
        return [
            Answer(household, purpose, "yes", given),
            Answer(household, purpose, "withdrawn", 1 + int(late * 38)),
        ]
    if fate < WITHDRAWN + LAPSED:
        return [Answer(household, purpose, "yes", 367 + int(late * 200))]
    if fate < WITHDRAWN + LAPSED + RENEWED:
        return [
            Answer(household, purpose, "yes", 400 + int(late * 200)),
            Answer(household, purpose, "yes", given),
        ]
    return [Answer(household, purpose, "yes", given)]
