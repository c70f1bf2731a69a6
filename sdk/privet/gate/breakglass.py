"""Where an emergency stands: a pure fold of its records, kept as a row with a checksum.

Two people open a permit for an emergency, each with a record of her own: one asks, another
confirms. The log makes each step true and is replayed; the table is its projection. A row is
believed only with its checksum, and what cannot be told is closed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields, replace
from typing import Any, Final

from privet import crypto
from privet.db import Tx
from privet.errors import IntegrityError
from privet.gate.parts import Caller, Parts

KIND: Final = "emergency"
"""The kind of its records."""

MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One emergency; instants in UTC microseconds, 0 for what did not happen.

    Attributes:
        seq: position of the record that asked for it: its number.
        permit: id of the permit.
        policy: hash of the policy that it was asked under: another one closes it.
        who: pseudonym of who asked.
        asked: when.
        minutes: how long it waits, and how long it is open.
        commitment: SHA-256 of the sealed reason with its salt, hex.
        second: pseudonym of who confirmed; empty for nobody.
        confirmed: position of her record.
        until: when it ends by itself.
        ended: when it was ended before.
    """

    seq: int
    permit: str
    policy: str
    who: str
    asked: int
    minutes: int
    commitment: str
    second: str = ""
    confirmed: int = 0
    until: int = 0
    ended: int = 0

    @property
    def lapses(self) -> int:
        """Until when it may be confirmed."""
        return self.asked + self.minutes * MINUTE_US

    def state(self, now: int) -> str:
        """``"asked"``, ``"open"``, ``"lapsed"`` (nobody confirmed), ``"over"`` or ``"ended"``."""
        if self.ended:
            return "ended"
        if self.second:
            return "open" if now < self.until else "over"
        return "asked" if now < self.lapses else "lapsed"


_COLUMNS: Final = tuple(f.name for f in fields(Row))
_LIST = ", ".join(_COLUMNS)


def step(row: Row | None, seq: int, body: Mapping[str, Any]) -> Row | None:
    """Where it stands after one more record; the same row where that changes nothing.

    Raises:
        IntegrityError: the record is not one that privet writes.
    """
    try:
        told, who, ts = body["step"], str(body["who"]), int(body["ts"])
        match told["is"]:
            case "asked":
                return Row(
                    seq=seq,
                    permit=str(told["permit"]),
                    policy=str(told["policy"]),
                    who=who,
                    asked=ts,
                    minutes=int(told["minutes"]),
                    commitment=str(told["commitment"]),
                )
            case "confirmed":
                if row is None or row.state(ts) != "asked" or who == row.who:
                    return row
                until = ts + row.minutes * MINUTE_US
                return replace(row, second=who, confirmed=seq, until=until)
            case "ended":
                ends = row is not None and row.state(ts) in {"asked", "open"}
                return replace(row, ended=ts) if row is not None and ends else row
    except (KeyError, TypeError, ValueError):
        pass
    raise IntegrityError(
        "a record of an emergency could not be read",
        why="it is not in the form that privet writes",
        reason="emergency.leaf",
    )


def number(seq: int, body: Mapping[str, Any]) -> int:
    """Which emergency a record is about."""
    told = body.get("step")
    of = told.get("of") if isinstance(told, Mapping) else None
    return seq if of is None else int(of)


def apply(tx: Tx, parts: Parts, seq: int, body: Mapping[str, Any]) -> None:
    """Project one record of the log; the same again changes nothing."""
    about = number(seq, body)
    row = read(tx, parts, about)
    if row is not None and about == seq:
        return
    after = step(row, seq, body)
    if after is not None and after != row:
        _put(tx, parts, after)


def read(tx: Tx, parts: Parts, about: int) -> Row | None:
    """One emergency, or None.

    Raises:
        IntegrityError: its row was changed outside privet (``emergency.mac``).
    """
    found = tx.one(f"SELECT {_LIST}, mac FROM emergency WHERE seq = ?", (about,))
    return None if found is None else _checked(parts, found)


def every(tx: Tx, parts: Parts) -> list[Row]:
    """All emergencies, oldest first.

    Raises:
        IntegrityError: a row was changed outside privet (``emergency.mac``).
    """
    rows = tx.all(f"SELECT {_LIST}, mac FROM emergency ORDER BY seq")
    return [_checked(parts, row) for row in rows]


def opened(parts: Parts, caller: Caller) -> frozenset[str]:
    """The permit that the caller's emergency opens now; nothing where it is not open.

    Read anew at each decision and each chunk, so that its end holds from then on.
    """
    if caller.emergency is None:
        return frozenset()
    with parts.home.data.read() as tx:
        row = read(tx, parts, caller.emergency)
    if row is None or row.who != caller.pseudonym or row.policy != parts.policy.hash:
        return frozenset()
    return frozenset({row.permit}) if row.state(parts.now) == "open" else frozenset()


def _checked(parts: Parts, found: Any) -> Row:
    row = Row(*found[:-1])
    try:
        whole = crypto.same(_mac(parts, row), bytes(found[-1]))
    except TypeError:  # SQLite keeps whatever is put into a column
        whole = False
    if not whole:
        raise IntegrityError(
            "an emergency did not pass its check",
            why="its row was changed outside privet, or belongs to another deployment",
            remedy="Stop writing; find the cause, and restore the data store from a true copy.",
            reason="emergency.mac",
        )
    return row


def _put(tx: Tx, parts: Parts, row: Row) -> None:
    marks = ", ".join("?" for _ in _COLUMNS)
    changed = ", ".join(f"{name} = excluded.{name}" for name in (*_COLUMNS, "mac"))
    tx.run(
        f"INSERT INTO emergency ({_LIST}, mac) VALUES ({marks}, ?) "
        f"ON CONFLICT (seq) DO UPDATE SET {changed}",
        (*astuple(row), _mac(parts, row)),
    )


def _mac(parts: Parts, row: Row) -> bytes:
    told = json.dumps(astuple(row), separators=(",", ":"))
    return crypto.mac(parts.keys.secret("mac"), b"privet-emergency-v1\0" + told.encode())
