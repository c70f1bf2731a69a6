"""Lists that rest on no history: what is popular, what goes with an item, the catalogue."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from privet.errors import AccessDenied, InvalidInput
from privet.features.catalogue import ITEM, Catalogue, Level
from privet.features.items import known_items
from privet.gate import catalogue
from privet.gate.parts import Caller, Parts
from privet.gate.record import count, decide
from privet.recommend import mapping
from privet.recommend.base import Fitted, ranked
from privet.recommend.diversity import Alike, alike, choose
from privet.recommend.history import EMPTY
from privet.recommend.mapping import ATTEMPTS, Serving, all_mapped, moving, quarantined, usable
from privet.recommend.picks import Pick, Picks
from privet.recommend.reasons import because
from privet.recommend.request import Request, candidates, everyday, positions

ABOUT_AN_ITEM = "asked about an item, not about a person"


def best_of(
    parts: Parts, level: Level, scores: np.ndarray, asked: Request, allowed: np.ndarray
) -> np.ndarray:
    """The entries of a list in their order, as diverse as was asked for; int64."""
    if not asked.diversity:
        return ranked(scores, allowed, asked.k)
    return choose(scores, allowed, asked, likeness(parts, level))


def likeness(parts: Parts, level: Level) -> Alike:
    """How alike the entries of a level are: worked out once for each catalogue."""
    items = known_items(parts)  # of texts alone: what is hidden from whom has no part in it
    held: tuple[Catalogue, dict[Level, Alike]] | None = parts.cache.get("alike")
    if held is None or held[0] is not items:
        held = (items, {})
        parts.cache["alike"] = held
    if level not in held[1]:
        held[1][level] = alike(items, level)
    return held[1][level]


def allowed_in(parts: Parts, level: Level, asked: Request) -> np.ndarray:
    """Which entries of a level a list may hold, shape (L,), bool; not to be written to."""
    if asked.plain:
        return everyday(level)
    return candidates(level, catalogue.items(parts).codes if asked.stock is not None else {}, asked)


def in_time(parts: Parts, purpose: str, make: Callable[[], Picks]) -> Picks:
    """A list whose model still served when it was made.

    Raises:
        ModelUnavailable: removals followed each other too fast.
    """
    for _ in range(ATTEMPTS):
        began = time.monotonic()
        made = make()
        if mapping.timely(began) or mapping.served(parts, purpose, {made.version}):
            return made
    raise moving()


def general(parts: Parts, purpose: str, asked: Request, why: str) -> Picks:
    """The non-personal answer: what is popular with a least cohort, or the catalogue's order."""
    for serving in all_mapped(parts, purpose):
        fitted = serving.fitted
        scores = fitted.score(EMPTY, 0)
        allowed = allowed_in(parts, fitted.level, asked)
        top = best_of(parts, fitted.level, scores, asked, allowed)
        if len(top):
            picks = tuple(
                # Two decimals: one person more or less must not show in a score.
                Pick("", fitted.level.names[i], round(float(scores[i]), 2), _popular(fitted, i))
                for i in top
            )
            return Picks(False, why, -1, serving.live.version, picks)
    return listed(parts, purpose, asked, why)


def listed(parts: Parts, purpose: str, asked: Request, why: str) -> Picks:
    """The catalogue's own order: rests on nobody's data."""
    level = known_items(parts, purpose).level(ITEM)
    order = np.flatnonzero(allowed_in(parts, level, asked))[: asked.k]
    picks = tuple(Pick("", level.names[i], 0.0, "in the catalogue") for i in order)
    return Picks(False, why, -1, 0, picks)


def similar(parts: Parts, caller: Caller, purpose: str, item: str, asked: Request) -> Picks:
    """What goes with an item: by a model that may say so, else by the catalogue's text.

    Nobody's data is opened, and no record names anybody.

    Args:
        parts: the open deployment.
        caller: who asks.
        purpose: why.
        item: an item's id, or an entry that the model ranks.
        asked: what is asked of the list.

    Raises:
        AccessDenied: the policy does not let this caller recommend, hides the item (reason
            ``item.hidden``), or has a minimum age for it (``item.age``).
        InvalidInput: no such item or entry (reason ``item.unknown``).
    """
    asked.check()
    decide(parts, caller, purpose, "recommend", (), at_all=True)
    made = in_time(parts, purpose, lambda: _similar(parts, purpose, item, asked))
    count(parts, caller, purpose, "recommend")
    return made


def _similar(parts: Parts, purpose: str, item: str, asked: Request) -> Picks:
    level = known_items(parts, purpose).level(ITEM)
    for serving in _servings(parts, purpose, asked.model):
        fitted = serving.fitted
        seed = _seed(parts, purpose, fitted.level, item, asked)
        if seed is None:
            continue
        level = level if item in positions(level) else fitted.level
        scores = fitted.together(seed)
        if scores is not None:
            return _neighbours(parts, fitted.level, seed, scores, asked, serving)
    seed = _seed(parts, purpose, level, item, asked)
    if seed is None:
        raise InvalidInput(
            "there is no such item",
            remedy="Give the id of an item, or an entry that the model ranks.",
            reason="item.unknown",
        )
    return _neighbours(parts, level, seed, likeness(parts, level).to(seed), asked)


def _servings(parts: Parts, purpose: str, name: str | None) -> list[Serving]:
    if quarantined(parts, purpose):
        return []
    if name is None:
        return list(all_mapped(parts, purpose))
    found = usable(parts, purpose, name)
    return [] if isinstance(found, str) else [found]


def _seed(parts: Parts, purpose: str, level: Level, item: str, asked: Request) -> int | None:
    """The entry of an item or of a name; None where the level has none for it."""
    items, code = known_items(parts, purpose), catalogue.items(parts).codes.get(item)
    seed = positions(level).get(item)
    if seed is None and code is not None:
        seed = int(level.of_item[code])
    entry = None if seed is None or seed < 0 else seed
    if (code is not None and items.hidden[code]) or (entry is not None and level.hidden[entry]):
        raise AccessDenied(
            "nothing is said about this item",
            why="the policy hides it: whoever looks at it would reveal what must not be inferred",
            remedy="Show the page without similar items.",
            reason="item.hidden",
        )
    ages = [
        0 if code is None else items.min_age[code],
        0 if entry is None else level.min_age[entry],
    ]
    if max(ages) > (asked.age or 0):
        raise AccessDenied(
            "nothing is said about this item to somebody of this age",
            why="it has a minimum age, and who looks at it is not known to have reached it",
            remedy="Say her age, or show the page without similar items.",
            reason="item.age",
        )
    return entry


def _neighbours(
    parts: Parts,
    level: Level,
    seed: int,
    scores: np.ndarray,
    asked: Request,
    serving: Serving | None = None,
) -> Picks:
    allowed = allowed_in(parts, level, asked).copy()
    allowed[seed] = False
    scores = np.where(scores > 0, scores, -np.inf)
    top = best_of(parts, level, scores, asked, allowed)
    how = "like" if serving is None else "often found together with"
    picks = tuple(
        # Two decimals: one person more or less must not show in a score.
        Pick("", level.names[i], round(float(scores[i]), 2), f"{how} {level.names[seed]}")
        for i in top
    )
    return Picks(False, ABOUT_AN_ITEM, -1, serving.live.version if serving else 0, picks)


def _popular(fitted: Fitted, index: int) -> str:
    return because(fitted.reason(EMPTY, int(index)))
