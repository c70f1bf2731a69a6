"""What people said elsewhere, before it is brought in: pure, column by column.

The times are claimed by whoever brings it. So what contradicts itself is refused as a whole; and
what is said twice, by its purpose, kind and instant or by its event id, is no second answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from privet.errors import InvalidInput
from privet.types import Id

Told = list[tuple[int, int, str]]
"""What one person told: number of the topic, instant, the host's own id of the answer."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answers:
    """The rows of an import, as they came.

    Attributes:
        ids: each person's own id, once, in order of first appearance.
        person: which of them each row is of, shape (n,).
        topics: the pairs of purpose and kind there are.
        topic: which of them each row is, shape (n,).
        at: when, as it is claimed, UTC microseconds, shape (n,).
        events: the id that each had there, ``""`` for none; None where no row has one.
    """

    ids: Sequence[Id] = field(repr=False)
    person: Numbers = field(repr=False)
    topics: Sequence[tuple[str, str]]
    topic: Numbers = field(repr=False)
    at: Numbers = field(repr=False)
    events: Sequence[str] | None = field(default=None, repr=False)

    def check(self) -> None:
        """Refuse rows that contradict each other.

        Raises:
            InvalidInput: two rows say different things of one person, purpose and instant, or
                under one event id (``import.contradiction``).
        """
        names = list(dict.fromkeys(purpose for purpose, _ in self.topics))
        about = np.array([names.index(purpose) for purpose, _ in self.topics], np.int64)
        purpose = about[self.topic] if len(self.topics) else self.topic
        _agree((self.person, purpose, self.at), (self.topic,))
        if self.events is not None:
            numbers: dict[str, int] = {"": 0}
            event = np.array([numbers.setdefault(e, len(numbers)) for e in self.events], np.int64)
            named = event > 0
            keys = (self.person, purpose, event)
            _agree(keys, (self.topic, self.at), np.flatnonzero(named))

    def followed(self, by: Mapping[tuple[str, str], Sequence[tuple[str, str]]]) -> Answers:
        """The same, and behind them what follows from each, of the same person and instant.

        Args:
            by: what follows, by the pair of purpose and kind that it follows from.
        """
        if not any(by.values()):
            return self
        topics = list(self.topics)
        people, topic, at = [self.person], [self.topic], [self.at]
        events = None if self.events is None else list(self.events)
        for number, pair in enumerate(self.topics):
            rows = np.flatnonzero(self.topic == number)
            for after in by.get(pair, ()):
                if after not in topics:
                    topics.append(after)
                people.append(self.person[rows])
                topic.append(np.full(len(rows), topics.index(after), np.int64))
                at.append(self.at[rows])
                if events is not None and self.events is not None:
                    events += [self.events[row] for row in rows.tolist()]
        person, told, when = (np.concatenate(columns) for columns in (people, topic, at))
        return Answers(self.ids, person, topics, told, when, events)

    def chunks(self, people: int) -> Iterator[tuple[Sequence[Id], list[Told]]]:
        """Ids of some people at a time, and what each of them told, by its instants."""
        order = np.lexsort((self.at, self.person))  # those of one instant as they came
        starts = np.searchsorted(self.person[order], np.arange(len(self.ids) + 1))
        for first in range(0, len(self.ids), people):
            last = min(first + people, len(self.ids))
            rows = order[starts[first] : starts[last]]
            events = [""] * len(rows)
            if self.events is not None:
                events = [self.events[row] for row in rows.tolist()]
            told = list(zip(self.topic[rows].tolist(), self.at[rows].tolist(), events, strict=True))
            cuts = (starts[first : last + 1] - starts[first]).tolist()
            yield self.ids[first:last], [told[a:b] for a, b in pairwise(cuts)]

    def digest(self) -> str:
        """SHA-256 of the rows as they came, 64 hex digits: which import it was."""
        sha = hashlib.sha256(json.dumps([self.ids, self.topics, self.events]).encode())
        for column in (self.person, self.topic, self.at):
            sha.update(column.astype("<i8").tobytes())
        return sha.hexdigest()


def _agree(
    keys: tuple[Numbers, ...], said: tuple[Numbers, ...], among: npt.NDArray[np.intp] | None = None
) -> None:
    """Refuse rows that are alike in ``keys`` and not in ``said``."""
    if among is not None:
        keys, said = tuple(k[among] for k in keys), tuple(s[among] for s in said)
    if not len(keys[0]):
        return
    order = np.lexsort(keys[::-1])
    new = np.ones(len(order), bool)
    new[1:] = np.logical_or.reduce([np.diff(key[order]) != 0 for key in keys])
    first = order[np.flatnonzero(new)][np.cumsum(new) - 1]  # of the rows that are alike
    other = np.logical_or.reduce([s[order] != s[first] for s in said])
    if other.any():
        place = int(np.flatnonzero(other)[np.argmin(order[other])])
        rows = (int(first[place]), int(order[place]))
        a, b = rows if among is None else (int(among[rows[0]]), int(among[rows[1]]))
        raise _contradicting(a + 1, b + 1)


def repeated() -> InvalidInput:
    """The refusal of an import of which every row is recorded already."""
    return InvalidInput(
        "these answers were imported before",
        why="every row of them is recorded already; nothing was changed",
        remedy="Nothing is to be done; import what is new.",
        reason="import.repeated",
    )


def _contradicting(first: int, second: int) -> InvalidInput:
    return InvalidInput(
        "an import contradicts itself",
        why=f"rows {first} and {second} say different things of one person, purpose and moment",
        remedy="Find out which is right and leave the other out; nothing was recorded.",
        reason="import.contradiction",
    )
