"""Features behind the gate: one subject or everybody eligible, by the same definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from privet.errors import InvalidInput, UnknownSubject
from privet.features.compute import check_kinds, compute, needs
from privet.features.items import known_items
from privet.gate.parts import Caller, Parts
from privet.gate.read import read
from privet.gate.record import decide, too_few
from privet.types import check_list

if TYPE_CHECKING:
    import pandas as pd


def features(
    parts: Parts,
    caller: Caller,
    purpose: str,
    names: Sequence[str],
    subjects: Sequence[str | int] | None = None,
    at: int | None = None,
) -> pd.DataFrame:
    """Feature columns, one row per subject with a ground.

    Args:
        parts: the open deployment.
        caller: who asks.
        purpose: why.
        names: names of features; the fields that they need are what is opened.
        subjects: external ids, which become the index; None for everybody eligible,
            under ordinals from 0 that mean nothing outside of this frame.
        at: the instant that they hold for, UTC microseconds; None for now. Grounds
            and retention are always those of now.

    Raises:
        AccessDenied: no permit to derive from these fields.
        ConsentMissing: a single subject without a ground. Of several, whoever left while
            it was computed is not in it.
        UnknownSubject: an id that nobody is known under.
        InvalidInput: an unknown feature, or one over a field of another type.
    """
    import pandas as pd

    names = check_list(names, "features")
    wanted = needs(names)
    if not wanted:
        raise InvalidInput(
            "no feature was named",
            remedy="Name features of docs/guide/features.md, as a list.",
            reason="features.unknown",
        )
    if subjects is not None:
        subjects = check_list(subjects, "subjects")
    check_kinds(names, parts.kinds)
    found = None
    if subjects is not None:
        # Before anybody is looked for, or a refusal would tell who is known.
        decide(parts, caller, purpose, "derive", wanted, at_all=True)
        found = _ordinals(parts, subjects)
    reading = read(parts, caller, purpose, "derive", wanted, found, until=at)
    shown, now = known_items(parts, purpose), parts.now if at is None else at
    pieces: list[dict[str, np.ndarray]] = []
    order: list[np.ndarray] = []
    for chunk in reading.chunks():
        events = dict(chunk.events)
        profiles = events.pop("profile", None)
        first = next(iter(chunk.events.values()))
        order.append(first.subjects)
        pieces.append(compute(names, events, profiles, shown, now, parts.zone, scales=parts.scales))
    columns = {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]}
    snos = np.concatenate(order)
    if reading.in_pieces:
        stays = np.isin(snos, np.fromiter(reading.left(), np.int64))
        columns = {name: values[stays] for name, values in columns.items()}
        snos = snos[stays]
        if len(snos) < reading.decision.least:
            raise too_few(parts, caller, purpose, "derive", reading.decision.least)
    return pd.DataFrame(columns, index=_index(snos, found, subjects))


def _ordinals(parts: Parts, subjects: Sequence[str | int]) -> list[int]:
    found = [s for s in parts.subjects.find(subjects) if s is not None]
    if len(found) != len(subjects):
        raise UnknownSubject("nobody is known under one of these ids")
    return found


def _index(
    order: np.ndarray, found: Sequence[int] | None, subjects: Sequence[str | int] | None
) -> pd.Index:
    import pandas as pd

    if found is None or subjects is None:
        return pd.RangeIndex(len(order), name="ordinal")
    names = dict(zip(found, subjects, strict=True))
    return pd.Index([names[int(s)] for s in order], name="subject", dtype=object)
