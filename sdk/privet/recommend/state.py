"""What a model learns, as integers derived from what each person adds.

A contribution is an int32 array whose form is its kind's own: the set of a person's
distinct entries, or these with weights, or her history. Where a state is their sum, adding
and subtracting are integer additions, so that a state after any order of both is equal, bit
for bit, to one that only ever saw those who remain; any other state is fitted over them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from privet.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from privet.recommend.history import Histories, History


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class State:
    """Integer arrays that a model is derived from.

    Attributes:
        size: number of entries, L.
        arrays: name to array, int32 or int64; changed in place by ``Recommender.add``.
    """

    size: int
    arrays: dict[str, np.ndarray]

    def __repr__(self) -> str:
        return f"State(size={self.size}, arrays={sorted(self.arrays)})"

    def equal(self, other: State) -> bool:
        """Whether both states hold the same integers in the same form."""
        return self.digest() == other.digest()

    def form(self) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
        """Type and shape of each array."""
        return {name: (array.dtype, array.shape) for name, array in self.arrays.items()}

    def digest(self) -> bytes:
        """SHA-256 over the canonical form: sizes, names, dtypes, shapes, bytes. 32 bytes."""
        digest = hashlib.sha256(json.dumps(["privet/state", self.size]).encode())
        for name in sorted(self.arrays):
            array = canonical(self.arrays[name])
            head = json.dumps([name, array.dtype.str, list(array.shape)])
            digest.update(head.encode() + b"\n")
            digest.update(array.data)
        return digest.digest()


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Contributions:
    """What each person of a cohort adds, one after the other.

    Attributes:
        starts: offsets per person, shape (S + 1,), int64.
        entries: what each person adds, int32: mostly her distinct entries, ascending.
    """

    starts: np.ndarray
    entries: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __repr__(self) -> str:
        return f"Contributions(people={len(self)})"

    def __getitem__(self, position: int) -> np.ndarray:
        """The contribution of the person at a position (0 to S - 1)."""
        if not 0 <= position < len(self):
            raise IndexError(position)
        return self.entries[self.starts[position] : self.starts[position + 1]]

    @classmethod
    def of(cls, parts: Iterable[np.ndarray]) -> Contributions:
        """The contributions of people, in this order."""
        parts = list(parts)
        starts = np.cumsum([0, *(len(part) for part in parts)])
        return cls(starts, np.concatenate([np.zeros(0, np.int32), *parts]))

    def check(self, size: int) -> None:
        """Raise unless each is a set of entries that fits a state of ``size`` entries.

        Raises:
            IntegrityError: one is not.
        """
        rising = np.diff(self.entries) > 0
        borders = self.starts[(self.starts > 0) & (self.starts < len(self.entries))]
        rising[borders - 1] = True
        inside = (self.entries >= 0) & (self.entries < size)
        if not (rising.all() and inside.all()):
            raise broken("a contribution does not fit the model")

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))


def contribution(history: History) -> np.ndarray:
    """The distinct entries of one person, ascending, int32."""
    return history.entries().astype(np.int32)


def contributions(cohort: Histories) -> Contributions:
    """The contribution of each person of a cohort, equal to one by one."""
    owner = np.repeat(np.arange(len(cohort)), np.diff(cohort.starts))
    width = max(cohort.size, 1)
    pairs = np.unique(owner * width + cohort.rows.index)
    starts = np.searchsorted(pairs, np.arange(len(cohort) + 1) * width)
    return Contributions(starts, (pairs % width).astype(np.int32))


def to_bytes(entries: np.ndarray) -> bytes:
    """A contribution as bytes: little-endian int32. To be sealed, never plain."""
    return entries.astype("<i4").tobytes()


def from_bytes(data: bytes) -> np.ndarray:
    """A contribution back from ``to_bytes``; whether it fits is for its kind to check.

    Raises:
        IntegrityError: these bytes are not a contribution.
    """
    if len(data) % 4:
        raise broken("a contribution has a wrong length")
    return np.frombuffer(data, "<i4").astype(np.int32)


def check_entries(entries: np.ndarray, size: int) -> np.ndarray:
    """Return distinct ascending entries below ``size``, else raise.

    Raises:
        IntegrityError: the entries are no contribution to a state of this size.
    """
    if not len(entries):
        return entries
    inside = entries[0] >= 0 and entries[-1] < size
    if not inside or bool((np.diff(entries) <= 0).any()):
        raise broken("a contribution does not fit the model")
    return entries


def canonical(array: np.ndarray) -> np.ndarray:
    """C order and little-endian, whatever machine made it."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def broken(what: str) -> IntegrityError:
    """The error for model bytes that cannot be what was written."""
    return IntegrityError(
        what,
        why="it was changed, or belongs to another model",
        remedy="Train the model again from the sealed events.",
        reason="model.broken",
    )
