"""Training and serving behind the gate; between them stands ``evaluating``: three permits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from privet.errors import InvalidInput, ModelUnavailable
from privet.features.catalogue import OLDEST, Level
from privet.features.items import known_items
from privet.gate import artifact, publication
from privet.gate.minimize import coarsened
from privet.gate.parts import Caller, Parts
from privet.gate.read import Reading, read
from privet.gate.record import decide, may
from privet.gate.versions import Version
from privet.policy import Ask
from privet.recommend.base import Recommender
from privet.recommend.codec import Artifact, build, pack, unpack
from privet.recommend.state import Contributions, State, from_bytes, to_bytes
from privet.types import Action

if TYPE_CHECKING:
    import numpy as np

WORK: tuple[Action, ...] = ("train", "evaluate", "serve")
MOST_KEPT = 1 << 28
"""Numbers of contributions that a fit may hold at once: 1 GiB."""
ATTEMPTS = 3  # an erasure while a model is trained makes the training begin again


def train(
    parts: Parts,
    caller: Caller,
    purpose: str,
    name: str,
    recommender: Recommender,
    until: int | None = None,
) -> Version:
    """Learn from everybody who has a ground now, and keep what each of them added.

    Args:
        parts: the open deployment.
        caller: who trains.
        purpose: what for; the model is bound to it.
        name: the model's name within the purpose.
        recommender: method and parameters.
        until: learn from events up to this instant, UTC microseconds; None for now.

    Raises:
        AccessDenied: the policy does not let this caller train on these fields.
        InvalidInput: the policy asks for a higher floor than the recommender has.
    """
    check_floors(parts, purpose, recommender)
    for _ in range(ATTEMPTS - 1):
        try:
            return _train_once(parts, caller, purpose, name, recommender, until)
        except ModelUnavailable as overtaken:
            if overtaken.reason != "model.overtaken":
                raise
    return _train_once(parts, caller, purpose, name, recommender, until)


def _train_once(
    parts: Parts,
    caller: Caller,
    purpose: str,
    name: str,
    recommender: Recommender,
    until: int | None,
) -> Version:
    decision = decide(parts, caller, purpose, "train", recommender.needs, at_all=True)
    until = parts.now if until is None else until
    spec = {"kind": recommender.kind, "params": recommender.params(), "until": until}
    # Who may see an entry is asked when a list is made: a model learns from those of any age.
    level = known_items(parts, purpose).level(recommender.by).of_age(OLDEST)
    recommender.empty(len(level))  # refuse a level that does not fit before anything is kept
    training = publication.begin(parts, purpose, name, spec)
    kept: Iterable[Contributions] = ()
    reading: Reading | None = None
    if recommender.forgets != "nothing":
        reading = read(parts, caller, purpose, "train", recommender.needs, until=until)
        kept = _kept(parts, training, reading, recommender, level, day_of(parts, until))
    items = recommender.of_items(known_items(parts, purpose), level)
    state = _state(recommender, len(level), kept, items)
    packed = pack(Artifact(recommender, level.names, state))
    return publication.publish(parts, caller, training, decision, packed, reading)


def _kept(
    parts: Parts,
    training: publication.Training,
    reading: Reading,
    recommender: Recommender,
    level: Level,
    now_day: int,
) -> Iterator[Contributions]:
    """What everybody adds, ascending by subject and chunk by chunk, each kept before it is used."""
    for chunk in reading.chunks():
        cohort = recommender.histories(chunk.events, level)
        added = recommender.contributions(cohort, now_day)
        if added is None:
            continue
        people = [int(s) for s in cohort.subjects]
        whole = {sno: to_bytes(added[i]) for i, sno in enumerate(people) if len(added[i])}
        kept = publication.keep(parts, training, reading, whole)
        yield Contributions.of(added[i] for i, sno in enumerate(people) if sno in kept)


def _state(
    recommender: Recommender,
    size: int,
    chunks: Iterable[Contributions],
    items: Mapping[str, np.ndarray],
) -> State:
    """The state over all of these; only a kind that is fitted holds them at once."""
    if recommender.forgets == "refit":
        return recommender.fit(size, _whole(chunks), items)
    state = recommender.empty(size)
    for chunk in chunks:
        recommender.add_all(state, chunk)
    return state


def _whole(chunks: Iterable[Contributions]) -> Contributions:
    held: list[np.ndarray] = []
    numbers = 0
    for chunk in chunks:
        numbers += len(chunk.entries)
        if numbers > MOST_KEPT:
            raise InvalidInput(
                "this model would hold too much at once",
                why=f"what its people add is more than {MOST_KEPT} numbers, 4 bytes each",
                remedy="Use a kind that forgets by subtraction, or a coarser attribute.",
                reason="recommend.size",
            )
        held.extend(chunk)
    return Contributions.of(held)


def unlearn(spec: Mapping[str, Any], state: bytes, contributions: Sequence[bytes]) -> bytes | None:
    """Subtract kept contributions: equal to the byte to never having had them.

    Returns:
        None where the kind is fitted as a whole: it is to be learned again.
    """
    if build(spec["kind"], spec["params"]).forgets == "refit":
        return None
    held = unpack(state)
    for sealed in contributions:
        held.recommender.add(held.state, from_bytes(sealed), sign=-1)
    return pack(held)


def relearn(spec: Mapping[str, Any], state: bytes, batches: Iterable[Sequence[bytes]]) -> bytes:
    """The state of these kept contributions alone, over the entries of a state."""
    held = unpack(state)
    chunks = (Contributions.of(map(from_bytes, batch)) for batch in batches)
    fitted = _state(held.recommender, held.state.size, chunks, held.state.arrays)
    return pack(replace(held, state=fitted))


def serve(parts: Parts, caller: Caller, purpose: str, version: Version) -> None:
    """Put a version live; needs a permit of its own."""
    version = artifact.current(parts, version)
    decide(parts, caller, purpose, "serve", recommender_of(version).needs, at_all=True)
    check_purpose(version, purpose)
    artifact.serve(parts, caller, version)


def recommender_of(version: Version) -> Recommender:
    """The method that a version was trained by."""
    return build(version.spec["kind"], version.spec["params"])


def check_works(parts: Parts, caller: Caller, purpose: str) -> None:
    """Refuse callers who have no work with the models of this purpose.

    Raises:
        AccessDenied: no permit to train, evaluate or serve (recorded).
    """
    asks = (Ask(caller.roles, purpose, action, frozenset()) for action in WORK)
    if not any(may(parts, caller, ask) for ask in asks):
        decide(parts, caller, purpose, "evaluate", ())


def check_purpose(version: Version, purpose: str) -> None:
    """Refuse a version of another purpose.

    Raises:
        ModelUnavailable: reason ``model.purpose``.
    """
    if version.purpose != purpose:
        raise ModelUnavailable(
            "this model belongs to another purpose",
            why="a model is bound to the purpose that it was trained for",
            reason="model.purpose",
        )


def day_of(parts: Parts, at: int) -> int:
    """Day number of an instant in the deployment's calendar, as histories count days."""
    return coarsened(at, "day", parts.zone) // 86_400_000_000


def check_floors(parts: Parts, purpose: str, recommender: Recommender) -> None:
    """Refuse a method with floors below the policy's.

    Raises:
        InvalidInput: reason ``recommend.floor``.
    """
    rules = parts.policy.purposes[purpose].models if purpose in parts.policy.purposes else None
    if rules is None:
        return
    for name, least in (("floor", rules.co_count_floor), ("least", rules.least)):
        mine = getattr(recommender, name, None)
        if mine is not None and mine < least:
            raise InvalidInput(
                f"the recommender's {name} is below the policy's",
                why=f"the policy asks for at least {least} for this purpose",
                remedy=f"Give {name}={least} or more.",
                reason="recommend.floor",
            )
