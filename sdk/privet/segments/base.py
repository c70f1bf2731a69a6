"""What every way of segmenting is: a function of what its people added, and of nothing else.

What a person adds is her *track*: one row of quantized features for each training that she
was in, oldest first, each with its day. A fit goes through the days again, so that segments
keep their ids from one to the next without keeping anything of those who left: whoever is
taken out was never in any of the steps. Everything is integers until the last step.
"""

from __future__ import annotations

import dataclasses
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from privet.errors import IntegrityError, InvalidInput
from privet.features.compute import needs
from privet.types import check_list

UNIT = 1 << 12
"""Fixed point of a feature's value: 1/4096."""
ABSENT = int(np.iinfo(np.int32).min)
MOST = int(np.iinfo(np.int32).max)
NOBODY = -1
"""The segment of whoever fits none."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Fit:
    """What a fit found.

    Attributes:
        arrays: what the segments are, as integer arrays; names nobody.
        labels: the segment of each person, in the order of the tracks, ``NOBODY`` for none;
            shape (S,), int64.
    """

    arrays: Mapping[str, np.ndarray]
    labels: np.ndarray

    def __repr__(self) -> str:
        return f"Fit(people={len(self.labels)})"


@dataclass(frozen=True)
class Segmenter(ABC):
    """A method with its features and parameters; two with equal ones are equal.

    Attributes:
        features: names of features; see ``docs/guide/features.md``.
        kind: the name under which versions of it are kept.
    """

    features: Sequence[str]
    kind: ClassVar[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(check_list(self.features, "features")))
        if not needs(self.features):
            raise InvalidInput(
                "no feature was named",
                remedy="Name features of docs/guide/features.md, as a list.",
                reason="features.unknown",
            )

    @property
    def needs(self) -> frozenset[str]:
        """The fields that the features read, and no more (GDPR Art. 5(1)(c))."""
        return needs(self.features)

    def params(self) -> dict[str, Any]:
        """The parameters as data; ``codec.build`` undoes it."""
        found = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**found, "features": list(self.features)}

    @abstractmethod
    def points(self, rows: np.ndarray) -> np.ndarray:
        """Rows as the method sees them, shape (S, F), int64 in fixed point."""

    @abstractmethod
    def fit(self, tracks: Sequence[np.ndarray], width: int) -> Fit:
        """Segment these people; the same whatever their order.

        Args:
            tracks: what each person added, each from ``extend``.
            width: number of features in a row.
        """


def quantized(columns: Mapping[str, np.ndarray]) -> tuple[tuple[str, ...], np.ndarray]:
    """Feature columns as integers, ``ABSENT`` where unknown.

    Bands such as ``"25-34"`` count as their first number, so that a row depends on nobody
    else's.

    Returns:
        the names, sorted, and values in units of 1/``UNIT``, shape (S, F), int32.
    """
    names = tuple(sorted(columns))
    values = [_numbers(columns[name]) for name in names]
    whole = np.stack(values, axis=1) if values else np.zeros((0, 0))
    known = np.isfinite(whole)
    scaled = np.clip(np.rint(np.where(known, whole, 0) * UNIT), -MOST, MOST)
    return names, np.where(known, scaled, ABSENT).astype(np.int32)


def _numbers(column: np.ndarray) -> np.ndarray:
    if column.dtype != object:
        return column.astype(np.float64)
    found = [None if v is None else re.search(r"\d+", str(v)) for v in column.tolist()]
    return np.array([np.nan if f is None else float(f.group()) for f in found], np.float64)


def extend(track: np.ndarray | None, day: int, row: np.ndarray, since: int) -> np.ndarray:
    """A person's track with the row of a day; older days than ``since`` are left behind.

    Args:
        track: what she added before, int32; None where she is new.
        day: day number of the row; it takes the place of a row of the same or a later day.
        row: quantized features, shape (F,), int32.
        since: first day that may still be used.
    """
    fresh: np.ndarray = np.concatenate(([day], row)).astype(np.int32)[None, :]
    if track is None or len(track) % fresh.shape[1]:
        return fresh.ravel()
    earlier = track.reshape(-1, fresh.shape[1])
    earlier = earlier[(earlier[:, 0] >= since) & (earlier[:, 0] < day)]
    longer: np.ndarray = np.concatenate((earlier, fresh)).ravel()
    return longer


def last_rows(tracks: Sequence[np.ndarray], width: int) -> np.ndarray:
    """The newest row of each person, shape (S, F), int32."""
    rows = [track[-width:] for track in tracks]
    return np.array(rows, np.int32).reshape(len(rows), width)


def to_bytes(track: np.ndarray) -> bytes:
    """A track as bytes: little-endian int32. To be sealed, never plain."""
    return track.astype("<i4").tobytes()


def from_bytes(data: bytes) -> np.ndarray:
    """A track back from ``to_bytes``.

    Raises:
        IntegrityError: these bytes are no track.
    """
    if len(data) % 4:
        raise broken("a track has a wrong length")
    return np.frombuffer(data, "<i4").astype(np.int32)


def broken(what: str) -> IntegrityError:
    """The error for bytes that cannot be what was written."""
    return IntegrityError(
        what,
        why="it was changed, or belongs to another model",
        remedy="Train the segments again from the sealed events.",
        reason="model.broken",
    )
