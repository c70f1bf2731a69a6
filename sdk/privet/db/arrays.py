"""Whole columns as PostgreSQL's binary arrays: many rows travel as a few parameters.

``INSERT ... SELECT ... FROM unnest(...)`` is one message for any number of rows, where a
statement a row costs a message each; unlike ``COPY`` it can stand in a pipeline, in a CTE and
under a condition. The form is that of ``array_send`` (PostgreSQL's arrayfuncs.c): the number of
dimensions, whether there are nulls, the type of an element, length and lower bound, and each
element with its length before it.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER = Struct("!iiIii")
_EMPTY = Struct("!iiI")
_LENGTH = Struct("!i")
_BIGINT = Struct("!iq")
_BIGINT_OID, _BYTEA_OID = 20, 17  # of pg_type
_ARRAY_OIDS = {_BIGINT_OID: 1016, _BYTEA_OID: 1001}


class BigInts(bytes):
    """A packed ``bigint[]``."""


class Blobs(bytes):
    """A packed ``bytea[]``."""


def bigints(values: Sequence[int]) -> BigInts:
    """A column of integers, none of them null."""
    if not values:
        return BigInts(_EMPTY.pack(0, 0, _BIGINT_OID))
    head = _HEADER.pack(1, 0, _BIGINT_OID, len(values), 1)
    return BigInts(b"".join([head, *[_BIGINT.pack(8, value) for value in values]]))


def blobs(values: Sequence[bytes]) -> Blobs:
    """A column of byte strings, none of them null."""
    if not values:
        return Blobs(_EMPTY.pack(0, 0, _BYTEA_OID))
    parts = [_HEADER.pack(1, 0, _BYTEA_OID, len(values), 1)]
    for value in values:
        parts += (_LENGTH.pack(len(value)), value)
    return Blobs(b"".join(parts))


def teach(connection: Any, _record: object = None) -> None:
    """Let a psycopg connection send what this module packs, as it is."""
    from psycopg.adapt import Dumper
    from psycopg.pq import Format

    class AsItIs(Dumper):
        format = Format.BINARY

        def dump(self, obj: bytes) -> bytes:
            return obj

    for kind, element in ((BigInts, _BIGINT_OID), (Blobs, _BYTEA_OID)):
        dumper = type(kind.__name__, (AsItIs,), {"oid": _ARRAY_OIDS[element]})
        connection.adapters.register_dumper(kind, dumper)
