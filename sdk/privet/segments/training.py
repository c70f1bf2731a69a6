"""Training and serving of segments behind the gate, and how they forget.

A version is a function of what each of its people added: her quantized features, and,
where segments are followed from week to week, what she added before. So forgetting is the
same function over those who remain, equal to the byte to never having seen her.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pyroaring import BitMap

from privet.clock import DAY_US
from privet.errors import ModelUnavailable
from privet.features.compute import check_kinds, compute
from privet.features.items import known_items
from privet.gate import artifact, membership, publication
from privet.gate.parts import Caller, Parts
from privet.gate.read import Reading, Released, not_before, read
from privet.gate.record import decide, may, too_few
from privet.gate.versions import Version
from privet.policy import Ask
from privet.segments.base import Segmenter, extend, from_bytes, quantized, to_bytes
from privet.segments.codec import Artifact, pack, unpack

WORK = ("train", "evaluate", "serve")
ATTEMPTS = 3  # an erasure while segments are trained makes the training begin again


def train(
    parts: Parts,
    caller: Caller,
    purpose: str,
    name: str,
    segmenter: Segmenter,
    at: int | None = None,
) -> Version:
    """Segment everybody who has a ground now, by the features that they had at an instant.

    Training again under the same name goes on from the version that serves: each person's
    earlier contribution is carried over, so that segments keep their ids.

    Args:
        parts: the open deployment.
        caller: who trains.
        purpose: what for; the segments are bound to it.
        name: the segmentation's name within the purpose.
        segmenter: method, features and parameters.
        at: the instant, UTC microseconds; None for now. Later rows are not looked at.

    Raises:
        AccessDenied: no permit to train on the fields that the features need.
        InvalidInput: the policy asks for larger segments, there are too few people, or a
            feature is over a field of another type.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _train_once(parts, caller, purpose, name, segmenter, at)
        except ModelUnavailable as overtaken:
            if overtaken.reason != "model.overtaken":
                raise
    return _train_once(parts, caller, purpose, name, segmenter, at)


def _train_once(
    parts: Parts,
    caller: Caller,
    purpose: str,
    name: str,
    segmenter: Segmenter,
    at: int | None,
) -> Version:
    check_kinds(segmenter.features, parts.kinds)
    decision = decide(parts, caller, purpose, "train", segmenter.needs, at_all=True)
    at = parts.now if at is None else at
    spec = {"kind": segmenter.kind, "params": segmenter.params(), "until": at}
    earlier = _latest(parts, purpose, name)
    training = publication.begin(parts, purpose, name, spec)
    reading = read(parts, caller, purpose, "train", segmenter.needs, until=at)
    names: tuple[str, ...] = ()
    tracks: list[np.ndarray] = []
    for chunk in reading.chunks():
        names, rows = rows_of(parts, purpose, segmenter, chunk, at)
        added = _extended(parts, reading, earlier, names, rows, at)
        sealed = {sno: to_bytes(track) for sno, track in added.items()}
        kept = publication.keep(parts, training, reading, sealed)
        tracks += [track for sno, track in added.items() if sno in kept]
    least = parts.policy.purposes[purpose].models.least
    if len(tracks) < least:
        publication.abandon(parts, training)
        raise too_few(parts, caller, purpose, "train", least)
    state = pack(Artifact(segmenter, names, segmenter.fit(tracks, len(names)).arrays))
    return publication.publish(parts, caller, training, decision, state, reading)


def rows_of(
    parts: Parts, purpose: str, segmenter: Segmenter, chunk: Released, at: int
) -> tuple[tuple[str, ...], dict[int, np.ndarray]]:
    """Names of the columns, and quantized features of each person of whom something is known."""
    tables = list(chunk.events.values())
    events = dict(chunk.events)
    profiles = events.pop("profile", None)
    names, values = quantized(
        compute(
            segmenter.features,
            events,
            profiles,
            known_items(parts, purpose),
            at,
            parts.zone,
            scales=parts.scales,
        )
    )
    known = np.any([np.diff(table.starts) > 0 for table in events.values() or tables], axis=0)
    return names, {int(tables[0].subjects[i]): values[i] for i in np.flatnonzero(known)}


def _latest(parts: Parts, purpose: str, name: str) -> tuple[Version, tuple[str, ...]] | None:
    """The newest version of this name and the columns of its rows, where it may be used."""
    found = artifact.versions(parts, purpose, name)
    if not found or found[-1].slice != parts.policy.slice_hash(purpose):
        return None
    version, state = artifact.load(parts, found[-1].version)
    return version, unpack(state).names


def _extended(
    parts: Parts,
    reading: Reading,
    earlier: tuple[Version, tuple[str, ...]] | None,
    names: tuple[str, ...],
    rows: Mapping[int, np.ndarray],
    at: int,
) -> dict[int, np.ndarray]:
    """Each person's track with her row of now; begun anew where the columns are others."""
    before: Mapping[int, bytes] = {}
    if earlier is not None and earlier[1] == names:
        before = membership.kept(parts, reading.warrant, reading.decision, earlier[0], BitMap(rows))
    purpose = reading.decision.purpose
    since = not_before(parts, purpose, parts.policy.sources(purpose)) // DAY_US
    return {
        sno: extend(from_bytes(before[sno]) if sno in before else None, at // DAY_US, row, since)
        for sno, row in rows.items()
    }


def unlearn(spec: Mapping[str, Any], state: bytes, contributions: Sequence[bytes]) -> bytes | None:
    """None: segments are no sum, and are fitted anew over those who remain."""
    return None


def relearn(spec: Mapping[str, Any], state: bytes, batches: Iterable[Sequence[bytes]]) -> bytes:
    """The segments of these kept tracks alone, over the columns of a state."""
    held = unpack(state)
    tracks = [from_bytes(sealed) for batch in batches for sealed in batch]
    arrays = held.segmenter.fit(tracks, len(held.names)).arrays
    return pack(replace(held, arrays=arrays))


def check_version(version: Version, purpose: str) -> None:
    """Refuse a version that is of another purpose, or no segments.

    Raises:
        ModelUnavailable: reason ``model.purpose``.
    """
    if version.purpose != purpose or not str(version.spec["kind"]).startswith("segments/"):
        raise ModelUnavailable(
            "these are no segments of this purpose",
            why="a model is bound to its kind and to the purpose that it was trained for",
            reason="model.purpose",
        )


def check_works(parts: Parts, caller: Caller, purpose: str) -> None:
    """Refuse callers who have no work with the models of this purpose.

    Raises:
        AccessDenied: no permit to train, evaluate or serve (recorded).
    """
    asks = (Ask(caller.roles, purpose, action, frozenset()) for action in WORK)
    if not any(may(parts, caller, ask) for ask in asks):
        decide(parts, caller, purpose, "evaluate", ())
