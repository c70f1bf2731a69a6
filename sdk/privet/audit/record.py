"""A record's body as bytes: RFC 8785 canonical JSON, restricted so that it has one reading.

No floats (they have many spellings), no integer beyond 2**53 (JavaScript's readers
would round it), ASCII keys (so that sorting by code point and by UTF-16 unit agree).
The stored bytes are hashed; nothing is ever encoded again to verify it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from privet.errors import IntegrityError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_BYTES = 65_535  # an entry bundle counts a body's bytes in 16 bits
MAX_INT = 2**53 - 1
MAX_DEPTH = 16
_ENCODER = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
)


def encode(body: Mapping[str, Any]) -> bytes:
    """The canonical bytes of a body: an object of null, bool, int, str, list and dict.

    Raises:
        InvalidInput: anything else is inside, or it takes more than 65,535 bytes.
    """
    plain = dict(body)
    _check(plain, MAX_DEPTH)
    try:
        data = _ENCODER.encode(plain).encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate; the cause would quote the text
        raise _refused("text that is not Unicode") from None
    if len(data) > MAX_BYTES:
        raise InvalidInput(
            "an audit record is too long",
            why=f"it takes more than {MAX_BYTES} bytes",
            remedy="Record codes, and bind large subject sets by `subjects`.",
            reason="record.size",
        )
    return data


def decode(data: bytes) -> dict[str, Any]:
    """The body that these stored bytes are.

    Raises:
        IntegrityError: they are no JSON object.
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):  # the cause would quote the body
        body = None
    if not isinstance(body, dict):
        raise IntegrityError("an audit record cannot be read", why="its bytes are no JSON object")
    return body


def _check(value: object, depth: int) -> None:
    if value is None or isinstance(value, str):
        return
    if isinstance(value, int):
        if not -MAX_INT <= value <= MAX_INT:
            raise _refused("an integer beyond 2**53 - 1")
        return
    if depth == 0:
        raise _refused("a value nested too deeply")
    inside: Iterable[object]
    if isinstance(value, dict):
        if not all(isinstance(key, str) and key.isascii() for key in value):
            raise _refused("a key that is not ASCII text")
        inside = value.values()
    elif isinstance(value, list | tuple):
        inside = value
    else:
        raise _refused(f"a value of type {type(value).__name__}")
    for inner in inside:
        if type(inner) is not str:  # most are, and a call for each would cost more
            _check(inner, depth - 1)


def _refused(what: str) -> InvalidInput:
    return InvalidInput(
        f"an audit record held {what}",
        remedy="Use null, booleans, integers, text, lists and dicts with ASCII keys.",
        reason="record.form",
    )
