"""Reading: an access opens what a session holds, a column at a time, and keeps nothing after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from privet.columns.mapped import sealed_of
from privet.columns.refusals import stays_sealed
from privet.columns.value import OPENING, Placed, SealedValue, ciphertext, placed
from privet.errors import PrivetError
from privet.gate.columns import Stored, open_column
from privet.rights.access import plain_rows

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from privet.gate.parts import Caller, Parts
    from privet.types import Events

_Key = tuple[bytes, str | int, str, str, str]


@dataclass(slots=True, repr=False)
class _Opened:
    """The values that one access has opened in one session; gone with the block."""

    parts: Parts
    caller: Caller
    purpose: str
    session: Session
    values: dict[_Key, Any] = field(default_factory=dict)

    def value_of(self, value: SealedValue, where: Placed) -> Any:
        """The plain value; opens all of the same column that the session holds with it."""
        key = _key(value, where)
        if key not in self.values:
            self._open(where, {key: (value, where), **self._others(where)})
        found = self.values[key]
        if isinstance(found, PrivetError):
            raise found
        return found

    def _others(self, where: Placed) -> dict[_Key, tuple[SealedValue, Placed]]:
        found: dict[_Key, tuple[SealedValue, Placed]] = {}
        for target in self.session.identity_map.values():
            for name, kind in sealed_of(type(target)).items():
                value = target.__dict__.get(name)
                if not isinstance(value, SealedValue):
                    continue
                there = placed(value)
                if there is not None and _same_column(there, where) and kind is where.kind:
                    found[_key(value, there)] = value, there
        return {key: one for key, one in found.items() if key not in self.values}

    def _open(self, where: Placed, some: dict[_Key, tuple[SealedValue, Placed]]) -> None:
        rows = [Stored(at.subject, at.place, ciphertext(value)) for value, at in some.values()]
        kind = where.kind
        opened = open_column(self.parts, self.caller, self.purpose, kind.purpose, kind.field, rows)
        for key, told in zip(some, opened, strict=True):
            self.values[key] = (
                told if isinstance(told, PrivetError) else self._plain(kind.field, told)
            )

    def _plain(self, name: str, row: Events) -> Any:
        event, _, bare = name.partition(".")
        told = plain_rows(self.parts, event, row)
        return told[0].get(bare) if told else None


@contextmanager
def opening(parts: Parts, caller: Caller, purpose: str, session: Session) -> Iterator[None]:
    """Let ``SealedValue.value`` open what ``session`` holds, inside the block and this task."""
    if OPENING.get() is not None:
        raise stays_sealed("another access is opening values here: one at a time says why")
    opened = _Opened(parts, caller, purpose, session)
    token = OPENING.set(opened)
    try:
        yield
    finally:
        OPENING.reset(token)
        opened.values.clear()


def _key(value: SealedValue, where: Placed) -> _Key:
    place = where.place
    return ciphertext(value), where.subject, place.table, place.column, place.row


def _same_column(one: Placed, other: Placed) -> bool:
    return (one.place.table, one.place.column) == (other.place.table, other.place.column)
