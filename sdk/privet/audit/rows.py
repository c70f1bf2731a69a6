"""A record as one row of a table: what a reader filters and counts by, and the body itself.

The body is what was hashed. Where it is withheld (an export about one person, and others
stand in the same record by their ordinals), its leaf is withheld as well: few ordinals are
guessed fast, and the hash would tell a guesser that he was right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from privet.audit.record import decode, encode
from privet.audit.selection import decided
from privet.clock import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.audit.pages import Stored

NUMBERS: Final = ("index", "ts", "people")
COLUMNS: Final = (
    "index", "ts", "time", "kind", "who", "roles", "purpose", "action", "decision", "reason",
    "fields", "people", "permits", "to", "policy", "leaf", "body",
)  # fmt: skip

Row = tuple[int | str, ...]


def row(stored: Stored, *, alone: bool = False) -> Row:
    """The cells of a record, in the order of ``COLUMNS``; what it lacks is ``""``.

    Args:
        stored: the record.
        alone: of the people in it only how many they are is told.
    """
    body = decode(stored.body)
    get = body.get
    people = _people(body)
    hidden = alone and names_others(body)
    return (
        stored.seq,
        stored.ts,
        iso(stored.ts),
        _text(get("kind")),
        _text(get("who")),
        _joined(get("roles")),
        _text(get("purpose")),
        _text(get("action")),
        decided(body),
        _text(get("reason")),
        _joined(get("fields")),
        people,
        _joined(get("permits")),
        _text(get("to")),
        _text(get("policy")),
        "" if hidden else stored.leaf.hex(),
        "" if hidden else stored.body.decode(),
    )


def line(stored: Stored, *, alone: bool = False) -> bytes:
    """A record as one line of JSON: body, leaf, index; see ``row`` for ``alone``."""
    if alone and names_others(body := decode(stored.body)):
        told = {**body, "set": {"n": body["set"]["n"]}}
        return b'{"body":%b,"leaf":null,"seq":%d}\n' % (encode(told), stored.seq)
    leaf = stored.leaf.hex().encode()
    return b'{"body":%b,"leaf":"%b","seq":%d}\n' % (stored.body, leaf, stored.seq)


def names_others(body: Mapping[str, Any]) -> bool:
    """Whether a body lists several ordinals; one of a large set holds their root alone."""
    about = body.get("set")
    return isinstance(about, dict) and len(about.get("snos", ())) > 1


def _people(body: Mapping[str, Any]) -> int:
    about = body.get("set")
    n = about.get("n", 0) if isinstance(about, dict) else 0
    return n if isinstance(n, int) else 0


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else encode({"": value})[4:-1].decode()


def _joined(values: object) -> str:
    """Names of a policy, which have no spaces."""
    return " ".join(map(_text, values)) if isinstance(values, list) else _text(values)
