"""Recommendations at request time, from what was recorded a moment ago.

Without a ground the answer is the non-personal list, and says so: no cell is opened
and no record names the person. With one, the model's epoch is read in the snapshot of
the cells themselves; a list made with an older model is not released.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from pyroaring import BitMap

from privet.errors import (
    ConsentMissing,
    Erased,
    InvalidInput,
    KeyUnavailable,
    ModelUnavailable,
    Objected,
)
from privet.features.items import known_items
from privet.gate import artifact, forget
from privet.gate.forget import RELEASE_WITHIN_US
from privet.gate.parts import Caller, Parts
from privet.gate.read import Reading, Released, Snapshot, read
from privet.gate.record import MINUTE_US, WHY, count, decide
from privet.recommend.base import Fitted, Recommender, best
from privet.recommend.codec import build, unpack
from privet.recommend.history import EMPTY
from privet.recommend.reasons import because
from privet.recommend.training import check_purpose, day_of

ATTEMPTS = 5
QUARANTINED = "the models of this purpose are overdue in forgetting somebody: run maintenance"
MOST = 1000


@dataclass(frozen=True, slots=True, repr=False)
class Pick:
    """One recommended entry.

    Attributes:
        id: names this pick, for feedback events.
        item: the item, or the catalogue entry that the model ranks.
        score: higher is better; comparable within one list only.
        because: the reason in words, from the person's own permitted history.
    """

    id: str
    item: str
    score: float
    because: str


@dataclass(frozen=True, slots=True, repr=False)
class Picks(Sequence[Pick]):
    """A list of recommendations.

    Attributes:
        personal: whether it was made from the person's own data.
        why: where it is not personal, why not.
        record: index of the audit record; -1 where nothing was opened.
        version: the model version; 0 where none was used.
    """

    personal: bool
    why: str
    record: int
    version: int
    picks: tuple[Pick, ...] = field(default=())

    @overload
    def __getitem__(self, index: int) -> Pick: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Pick, ...]: ...
    def __getitem__(self, index: int | slice) -> Pick | tuple[Pick, ...]:
        return self.picks[index]

    def __len__(self) -> int:
        return len(self.picks)

    def __repr__(self) -> str:
        return f"Picks(personal={self.personal}, n={len(self.picks)})"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a list.

    Attributes:
        k: how many entries.
        model: the model's name; None for the purpose's last served one.
        among: only these entries; None for all.
        unseen: leave out what the person had already.
        until: as of this instant, UTC microseconds; None for now.
    """

    k: int = 10
    model: str | None = None
    among: tuple[str, ...] | None = None
    unseen: bool = False
    until: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Serving:
    """A model mapped into this process, with the epoch that it was read at."""

    name: str
    live: artifact.Live
    recommender: Recommender
    fitted: Fitted


def recommend(
    parts: Parts, caller: Caller, purpose: str, ids: Sequence[str | int], asked: Request
) -> dict[str | int, Picks]:
    """A list for each id: one subject and many by the same code, one audit record.

    Args:
        parts: the open deployment.
        caller: who asks.
        purpose: why.
        ids: external ids; each gets an answer, known or not.
        asked: what is asked of the lists.

    Raises:
        AccessDenied: the policy does not let this caller recommend.
        InvalidInput: ``k`` is not between 1 and 1000.
        AuditUnavailable: the record did not become durable; nothing was opened.
    """
    if type(asked.k) is not int or not 1 <= asked.k <= MOST:
        raise InvalidInput("k is out of range", remedy=f"Ask for 1 to {MOST}.", reason="k.range")
    if asked.among is not None and not all(isinstance(name, str) for name in asked.among):
        raise InvalidInput(
            "what a list is chosen among are not entries",
            remedy="Give the ids of items, or the entries that the model ranks.",
            reason="among.type",
        )
    if _quarantined(parts, purpose):
        decide(parts, caller, purpose, "recommend", ())
        count(parts, caller, purpose, "recommend", len(ids))
        return dict.fromkeys(ids, _listed(parts, asked, QUARANTINED))
    serving = _usable(parts, purpose, asked.model)
    if isinstance(serving, str):
        decide(parts, caller, purpose, "recommend", ())
        count(parts, caller, purpose, "recommend", len(ids))
        return _all_general(parts, purpose, ids, asked, serving)
    who = dict(zip(ids, parts.subjects.find(ids), strict=True))
    try:
        reading = read(
            parts,
            caller,
            purpose,
            "recommend",
            serving.recommender.needs,
            {sno for sno in who.values() if sno is not None},
            until=asked.until,
            counted=True,
        )
    except (ConsentMissing, Objected, Erased) as refusal:
        count(parts, caller, purpose, "recommend", len(ids))
        return _all_general(parts, purpose, ids, asked, refusal.why)
    for _ in range(ATTEMPTS):
        began = time.monotonic()
        lists = dict(_personal(parts, purpose, reading, serving, asked))
        # An empty personal list is an answer too; the general one is for those without any.
        general = (
            None
            if lists.keys() >= set(who.values())
            else _general(parts, purpose, asked, WHY["ground.missing"])
        )
        if _timely(began) or _confirmed(parts, purpose, reading, lists, general):
            answers = {
                i: general if sno is None else lists.get(sno, general) for i, sno in who.items()
            }
            found = {i: picks for i, picks in answers.items() if picks is not None}
            if len(found) < len(who):  # somebody left at the last look: once more
                continue
            others = sum(not picks.personal for picks in found.values())
            if others:
                count(parts, caller, purpose, "recommend", others)
            return found
    raise _moving()


def _all_general(
    parts: Parts, purpose: str, ids: Sequence[str | int], asked: Request, why: str
) -> dict[str | int, Picks]:
    for _ in range(ATTEMPTS):
        began = time.monotonic()
        general = _general(parts, purpose, asked, why)
        if _timely(began) or _served(parts, purpose, {general.version}):
            return dict.fromkeys(ids, general)
    raise _moving()


def _timely(began: float) -> bool:
    """Whether lists may go out without another look: half the promised time is left."""
    return (time.monotonic() - began) * 2e6 < RELEASE_WITHIN_US


def _served(parts: Parts, purpose: str, versions: set[int]) -> bool:
    """Whether these versions serve now; 0 stands for none."""
    with parts.home.data.read() as tx:
        live = {found.version for _, found in artifact.all_live(tx, purpose)}
    return versions <= live | {0}


def _confirmed(
    parts: Parts, purpose: str, reading: Reading, lists: dict[int, Picks], general: Picks | None
) -> bool:
    """Look once more before lists go out that took long to make; whoever left is taken out."""
    began = time.monotonic()
    with parts.home.data.read() as tx:
        still = reading.still(tx, BitMap(lists))
    for sno in lists.keys() - set(still):
        del lists[sno]
    used = {picks.version for picks in (*lists.values(), general) if picks is not None}
    return _served(parts, purpose, used) and _timely(began)


def _moving() -> ModelUnavailable:
    return ModelUnavailable(
        "the model kept changing while a list was made",
        why="removals followed each other, or this machine is too slow",
        remedy="Try again, or ask for fewer people at once.",
        reason="model.moving",
    )


def _quarantined(parts: Parts, purpose: str) -> bool:
    """Looked up once a minute: a deadline is counted in hours."""
    held: tuple[int, bool] | None = parts.cache.get(f"quarantine:{purpose}")
    if held is None or not 0 <= parts.now - held[0] < MINUTE_US:
        held = (parts.now, forget.quarantined(parts, purpose))
        parts.cache[f"quarantine:{purpose}"] = held
    return held[1]


def _usable(parts: Parts, purpose: str, name: str | None) -> Serving | str:
    """The serving model, or why none can serve: a policy may have changed under it."""
    try:
        return mapped(parts, purpose, name) or "no model serves this purpose yet"
    except ModelUnavailable as refusal:
        if refusal.reason != "model.policy-changed":
            raise
        return refusal.what


def mapped(parts: Parts, purpose: str, name: str | None) -> Serving | None:
    """The serving model, mapped anew when its epoch has moved; None where none serves."""
    with parts.home.data.read() as tx:
        found = artifact.live(tx, purpose, name)
    if found is None:
        return None
    return _mapped(parts, purpose, *found)


def _mapped(parts: Parts, purpose: str, name: str, live: artifact.Live) -> Serving:
    key = parts.model_key(purpose, name)
    items = known_items(parts)
    held = parts.cache.get(key)
    if held is not None and held[0] is items and held[1].live == live:
        serving: Serving = held[1]
        return serving
    try:
        version, state = artifact.load(parts, live.version)
    except (ModelUnavailable, KeyUnavailable):
        with parts.home.data.read() as tx:
            newer = artifact.live(tx, purpose, name)
        if newer is None or newer[1] == live:
            raise
        return _mapped(parts, purpose, *newer)  # a removal came between the two reads
    check_purpose(version, purpose)
    fitted = unpack(state).finish(items)
    serving = Serving(name, live, build(version.spec["kind"], version.spec["params"]), fitted)
    parts.cache[key] = (items, serving)
    return serving


def _personal(
    parts: Parts, purpose: str, reading: Reading, serving: Serving, asked: Request
) -> Iterator[tuple[int, Picks]]:
    def epoch(tx: Snapshot) -> tuple[str, artifact.Live] | None:
        return artifact.live(tx, purpose, serving.name)

    for chunk in reading.slices():
        for _ in range(ATTEMPTS):
            try:
                released = reading.open(chunk, epoch)
            except (ConsentMissing, Objected, Erased):
                break  # her ground ended after R2: the general list answers
            if released.inspected is None:
                break
            if released.inspected[1] != serving.live:
                serving = _mapped(parts, purpose, *released.inspected)
                continue
            yield from _lists(parts, released, reading.record, serving, asked)
            break
        else:
            raise _moving()


def _lists(
    parts: Parts, released: Released, record: int, serving: Serving, asked: Request
) -> Iterator[tuple[int, Picks]]:
    fitted = serving.fitted
    cohort = serving.recommender.histories(released.events, fitted.level)
    now_day = day_of(parts, asked.until if asked.until is not None else parts.now)
    among = _indices(fitted, asked.among)
    for position, sno in enumerate(cohort.subjects):
        history = cohort[position]
        scores = fitted.score(history, now_day)
        exclude = history.index if asked.unseen else None
        top = best(scores, fitted.level, asked.k, exclude, among)
        reasons = fitted.reasons(history, top)
        picks = tuple(
            Pick(f"{record}-{rank}", fitted.level.names[i], float(scores[i]), because(reason))
            for rank, (i, reason) in enumerate(zip(top, reasons, strict=True), 1)
        )
        yield int(sno), Picks(True, "", record, serving.live.version, picks)


def _general(parts: Parts, purpose: str, asked: Request, why: str) -> Picks:
    """The non-personal answer: what is popular with a least cohort, or the catalogue's order."""
    for serving in _all_mapped(parts, purpose):
        fitted = serving.fitted
        top = fitted.popular(asked.k, among=_indices(fitted, asked.among))
        if len(top):
            shares = fitted.score(EMPTY, 0)
            picks = tuple(
                # Two decimals: one person more or less must not show in a score.
                Pick(
                    "",
                    fitted.level.names[i],
                    round(float(shares[i]), 2),
                    _general_reason(fitted, i),
                )
                for i in top
            )
            return Picks(False, why, -1, serving.live.version, picks)
    return _listed(parts, asked, why)


def _listed(parts: Parts, asked: Request, why: str) -> Picks:
    """The catalogue's own order: rests on nobody's data."""
    level = known_items(parts).level("item")
    among = None if asked.among is None else frozenset(asked.among)
    order = (level.names[i] for i in np.flatnonzero(level.candidates))
    names = [n for n in order if among is None or n in among][: asked.k]
    return Picks(False, why, -1, 0, tuple(Pick("", n, 0.0, "in the catalogue") for n in names))


def _general_reason(fitted: Fitted, index: int) -> str:
    return because(fitted.reason(EMPTY, int(index)))


def _all_mapped(parts: Parts, purpose: str) -> Iterator[Serving]:
    """The purpose's models that can serve, the last served first."""
    with parts.home.data.read() as tx:
        served = artifact.all_live(tx, purpose)
    for name, _ in served:
        serving = _usable(parts, purpose, name)
        if not isinstance(serving, str):
            yield serving


def _indices(fitted: Fitted, among: tuple[str, ...] | None) -> np.ndarray | None:
    if among is None:
        return None
    position = {name: i for i, name in enumerate(fitted.level.names)}
    return np.array([position[n] for n in among if n in position], np.int64)
