"""Models as a process holds them: mapped once for each epoch, dropped when it moves."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from privet.errors import KeyUnavailable, ModelUnavailable
from privet.features.items import as_seen
from privet.gate import artifact, catalogue, forget
from privet.gate.catalogue import Items, version_of
from privet.gate.erasing import RELEASE_WITHIN_US
from privet.gate.parts import Parts
from privet.gate.read import Snapshot
from privet.gate.record import MINUTE_US
from privet.recommend.base import Fitted, Recommender
from privet.recommend.codec import build, unpack
from privet.recommend.training import check_purpose

ATTEMPTS = 5
QUARANTINED = "the models of this purpose are overdue in forgetting somebody: run maintenance"


@dataclass(frozen=True, slots=True, repr=False)
class Serving:
    """A model mapped into this process.

    Attributes:
        name: the model's name.
        live: its version, with the epoch that it was read at.
        items: the catalogue that it ranks.
        recommender: kind and parameters.
        fitted: what ranks.
    """

    name: str
    live: artifact.Live
    items: Items
    recommender: Recommender
    fitted: Fitted

    def stands(
        self, tx: Snapshot, marks: Mapping[str, bytes], purpose: str, asked: str | None
    ) -> bool:
        """Whether it is, in this snapshot, what serves where ``asked`` is asked for."""
        now = artifact.live(tx, purpose, asked)
        return now == (self.name, self.live) and version_of(marks) == self.items.version


def usable(parts: Parts, purpose: str, name: str | None) -> Serving | str:
    """The serving model, or why none can serve: a policy may have changed under it."""
    try:
        found = mapped(parts, purpose, name)
    except ModelUnavailable as refusal:
        if refusal.reason != "model.policy-changed":
            raise
        return refusal.what
    return "no model serves this purpose yet" if found is None else found


def at_hand(parts: Parts, purpose: str, name: str | None) -> Serving | str:
    """As ``usable``, or what served when it was asked for last: to be compared in a snapshot."""
    last = parts.cache.get(f"last:{purpose}") if name is None else name
    held: Serving | None = parts.cache.get(parts.model_key(purpose, last)) if last else None
    return usable(parts, purpose, name) if held is None else held


def mapped(parts: Parts, purpose: str, name: str | None) -> Serving | None:
    """The serving model, mapped anew when its epoch has moved; None where none serves."""
    with parts.home.data.read() as tx:
        found = artifact.live(tx, purpose, name)
    if found is None:
        return None
    serving = at_epoch(parts, purpose, *found)
    if name is None:
        parts.cache[f"last:{purpose}"] = serving.name
    return serving


def at_epoch(parts: Parts, purpose: str, name: str, live: artifact.Live) -> Serving:
    """The named model as it serves at this epoch, or at a newer one that came meanwhile."""
    key = parts.model_key(purpose, name)
    items = catalogue.items(parts)
    held: Serving | None = parts.cache.get(key)
    if held is not None and held.items is items and held.live == live:
        return held
    try:
        version, state = artifact.load(parts, live.version)
    except (ModelUnavailable, KeyUnavailable):
        with parts.home.data.read() as tx:
            newer = artifact.live(tx, purpose, name)
        if newer is None or newer[1] == live:
            raise
        return at_epoch(parts, purpose, *newer)  # a removal came between the two reads
    check_purpose(version, purpose)
    fitted = unpack(state).finish(as_seen(parts, items, purpose))
    method = build(version.spec["kind"], version.spec["params"])
    serving = Serving(name, live, items, method, fitted)
    parts.cache[key] = serving
    return serving


def all_mapped(parts: Parts, purpose: str) -> Iterator[Serving]:
    """The purpose's models that can serve, the last served first."""
    with parts.home.data.read() as tx:
        found = artifact.all_live(tx, purpose)
    for name, _ in found:
        serving = usable(parts, purpose, name)
        if not isinstance(serving, str):
            yield serving


def quarantined(parts: Parts, purpose: str) -> bool:
    """Looked up once a minute: a deadline is counted in hours."""
    held: tuple[int, bool] | None = parts.cache.get(f"quarantine:{purpose}")
    if held is None or not 0 <= parts.now - held[0] < MINUTE_US:
        held = (parts.now, forget.quarantined(parts, purpose))
        parts.cache[f"quarantine:{purpose}"] = held
    return held[1]


def served(parts: Parts, purpose: str, versions: set[int]) -> bool:
    """Whether these versions serve now; 0 stands for none."""
    with parts.home.data.read() as tx:
        live = {found.version for _, found in artifact.all_live(tx, purpose)}
    return versions <= live | {0}


def timely(began: float) -> bool:
    """Whether lists may go out without another look: half the promised time is left."""
    return (time.monotonic() - began) * 2e6 < RELEASE_WITHIN_US


def moving() -> ModelUnavailable:
    """The error for lists that a removal overtook again and again."""
    return ModelUnavailable(
        "the model kept changing while a list was made",
        why="removals followed each other, or this machine is too slow",
        remedy="Try again, or ask for fewer people at once.",
        reason="model.moving",
    )
