"""What people who share a trait take more, or less, than everybody: exact counts of people.

A trait is one value of one field of the profile. It is kept as a hash of both, so that a
contribution is whole numbers and a model holds no words of a person.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privet.errors import InvalidInput
from privet.features.people import WIDTH
from privet.features.rows import NULL
from privet.recommend.rows import flat
from privet.recommend.state import broken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privet.recommend.history import History
    from privet.recommend.state import State
    from privet.types import Events

ABSENT = 0
"""The code of a trait that is not known."""
HALF = 31
"""Bits of a code in each of the two numbers that carry it."""
MOST = 512
"""Distinct values over all fields: more are no segments."""
CAUTION = 10
"""People of everybody that stand beside those of a segment: how far it is trusted."""


def read(events: Mapping[str, Events], subjects: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """The traits of some subjects, shape (S, number of names), int64, ``ABSENT`` if unknown.

    Text counts as it is, and so do whole numbers below ten; others count by their ten.

    Args:
        events: what was opened; ``"profile"`` has at most one row per subject.
        subjects: ordinals, shape (S,), int64; one without a profile has no traits.
        names: fields of the profile.

    Raises:
        InvalidInput: a field was not read.
    """
    found = np.full((len(subjects), len(names)), ABSENT, np.int64)
    profiles = events.get("profile")
    if profiles is None or not set(names) <= profiles.columns.keys():
        raise InvalidInput(
            "the profile, or a field of it, is not among what was read",
            remedy="Read what `needs` lists.",
            reason="recommend.unread",
        )
    have = np.diff(profiles.starts) > 0
    place = {int(subject): i for i, subject in enumerate(subjects)}
    at = np.array([place.get(int(subject), -1) for subject in profiles.subjects[have]], np.int64)
    for column, name in enumerate(names):
        values = profiles.columns[name][profiles.starts[:-1][have]]
        found[at[at >= 0], column] = _codes(name, values)[at >= 0]
    return found


def known(history: History, count: int) -> np.ndarray:
    """Her traits, int64; so many absent ones where other fields were read, or none."""
    fit = len(history.traits) == count
    return history.traits if fit else np.full(count, ABSENT, np.int64)


def pack(traits: np.ndarray) -> np.ndarray:
    """Codes as two int32 numbers each: the upper halves, then the lower ones."""
    halves: np.ndarray = np.concatenate([traits >> HALF, traits & ((1 << HALF) - 1)])
    return halves.astype(np.int32)


def unpack(packed: np.ndarray) -> np.ndarray:
    """The codes back, int64.

    Raises:
        IntegrityError: these are no codes.
    """
    if len(packed) % 2 or bool((packed < 0).any()):
        raise broken("a contribution does not fit the model")
    upper, lower = packed.reshape(2, -1).astype(np.int64)
    traits: np.ndarray = (upper << HALF) | lower
    return traits


def empty(size: int) -> dict[str, np.ndarray]:
    """The arrays of nobody: codes ascending, people with each, people by entry with each."""
    return {
        "traits.codes": np.zeros(0, np.int64),
        "traits.people": np.zeros(0, np.int64),
        "traits.entries": np.zeros((0, size), np.int64),
    }


def fits(state: State) -> bool:
    """Whether ``total`` can have made its arrays: distinct ascending codes, each with people."""
    size = state.size
    if not empty(size).keys() <= state.arrays.keys():
        return False
    held, people, entries = (state.arrays[name] for name in empty(size))
    if {a.dtype for a in (held, people, entries)} != {np.dtype(np.int64)} or held.ndim != 1:
        return False
    formed = people.shape == held.shape and entries.shape == (len(held), size)
    return formed and bool((np.diff(held) > 0).all() and (people > 0).all())


def total(state: State, people: Sequence[History], sign: int) -> None:
    """Add (or with ``sign=-1`` subtract) some people; a trait that nobody is left with is gone.

    Raises:
        InvalidInput: there are too many distinct values.
        IntegrityError: somebody was never added.
    """
    few = [history for history in people if len(history)]
    if not few:
        return
    arrays, theirs = state.arrays, np.stack([history.traits for history in few])
    union = np.union1d(arrays["traits.codes"], theirs[theirs != ABSENT])
    if len(union) > MOST:
        raise InvalidInput(
            "the traits of a hybrid take too many values",
            why=f"more than {MOST} values are no segments: hardly anybody shares one",
            remedy="Name fields with few values, or let the policy put them in bands.",
            reason="recommend.size",
        )
    place, before = np.searchsorted(union, theirs), np.searchsorted(union, arrays["traits.codes"])
    counts, entries = np.zeros(len(union), np.int64), np.zeros((len(union), state.size), np.int64)
    counts[before], entries[before] = arrays["traits.people"], arrays["traits.entries"]
    owner, index, _ = flat(few)
    owner, index = np.divmod(np.unique(owner * state.size + index), state.size)
    for column, known in enumerate((theirs != ABSENT).T):
        np.add.at(counts, place[known, column], sign)
        hers = known[owner]
        np.add.at(entries, (place[owner[hers], column], index[hers]), sign)
    if sign < 0 and bool((counts < 0).any() or (entries < 0).any() or entries[counts == 0].any()):
        raise broken("a contribution was subtracted that had not been added")
    some = counts > 0
    arrays["traits.codes"], arrays["traits.people"] = union[some], counts[some]
    arrays["traits.entries"] = entries[some]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Segments:
    """How much likelier those who share a trait are to have each entry.

    Attributes:
        codes: the V traits that enough people share, ascending, int64.
        lift: logarithm of their share against everybody's, shape (V, L).
        floor: at least so many of them have what a lift above 0 speaks for.
    """

    codes: np.ndarray
    lift: np.ndarray
    floor: int

    @classmethod
    def of(cls, state: State, floor: int, least: int) -> Segments:
        """Shares shrunk to everybody's: the fewer people, the nearer.

        An entry that fewer than ``floor`` of them have counts as if so many had it, and never
        speaks for itself. A trait of fewer than ``least`` people says nothing.
        """
        arrays, everybody = state.arrays, int(state.arrays["people"][0])
        enough = arrays["traits.people"] >= least
        people, counts = arrays["traits.people"][enough, None], arrays["traits.entries"][enough]
        usual = (state.arrays["trend"][0] + 0.5) / (everybody + 1)
        shrunk = (np.maximum(counts, floor) + CAUTION * usual) / (people + CAUTION)
        lift = np.log(shrunk / usual)
        lift = np.where(counts < floor, np.minimum(lift, 0), lift)
        return cls(arrays["traits.codes"][enough], lift, floor)

    def row(self, code: int) -> np.ndarray:
        """The lift of each entry for a trait, shape (L,); 0 where nothing is known."""
        at = int(np.searchsorted(self.codes, code))
        known = at < len(self.codes) and int(self.codes[at]) == code
        return self.lift[at] if known else np.zeros(self.lift.shape[1])


def _codes(name: str, values: np.ndarray) -> np.ndarray:
    """The codes of one field's values, int64."""
    if values.dtype == np.int64:
        tens = values // WIDTH * WIDTH
        values = np.where(values < WIDTH, values, tens).astype(object)
    known = {value: _code(name, value) for value in set(values) - {None, NULL, ""}}
    return np.array([known.get(value, ABSENT) for value in values], np.int64)


def _code(name: str, value: object) -> int:
    digest = hashlib.sha256(f"{name}\0{value}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2
