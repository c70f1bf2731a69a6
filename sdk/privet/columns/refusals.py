"""What a sealed column refuses, each with the way out.

Raised while SQLAlchemy works on a statement, an error would be wrapped into one of its own that
repeats the parameters; these are marked to come out as they are.
"""

from __future__ import annotations

from sqlalchemy.exc import DontWrapMixin

from privet.errors import AccessDenied, InvalidInput


class SealedRefusal(InvalidInput, DontWrapMixin):
    """A sealed column was used in a way that it does not take."""


class StaysSealed(AccessDenied, DontWrapMixin):
    """A sealed value was asked for without an access that opens it."""


def plain() -> SealedRefusal:
    """A value would have reached the table as it is."""
    return SealedRefusal(
        "a sealed column takes no plain value",
        why="no access with a purpose is sealing the ORM session, or the statement goes past it: "
        "values in bulk and in SQL are not sealed",
        remedy="Assign it to a mapped object and flush inside `with access.sealing(session)`.",
        reason="sealed.plain",
    )


def compared() -> SealedRefusal:
    """A sealed column in a filter, an order or an expression."""
    return SealedRefusal(
        "a sealed column can be neither compared, ordered by nor computed with",
        why="the database holds ciphertexts: two of one value differ",
        remedy="Filter by another column, or open the rows and compare their values; "
        "`is_(None)` works.",
        reason="sealed.compare",
    )


def stays_sealed(why: str = "") -> StaysSealed:
    """A value outside of an access that opens it."""
    return StaysSealed(
        "a sealed value stays sealed",
        why=why or "no access with a purpose is opening the session that it came from",
        remedy="Read it inside `with access.opening(session)`: that decides and records first.",
        reason="sealed.closed",
    )


def unplaced() -> SealedRefusal:
    """A value of which it is not known in which row it stands."""
    return SealedRefusal(
        "a sealed value without its row does not open",
        why="it was selected as a column, is not flushed yet, or was copied from its object",
        remedy="Load the mapped object, and read the value from it.",
        reason="sealed.row",
    )


def moved() -> SealedRefusal:
    """A sealed value that would stand where it was not sealed for."""
    return SealedRefusal(
        "a sealed value belongs to its row and person",
        why="it was copied to another object, or the row's key or person was changed",
        remedy="Open it, and assign the plain value inside `with access.sealing(session)`.",
        reason="sealed.moved",
    )


def keyless() -> SealedRefusal:
    """A row whose key or person cannot be bound."""
    return SealedRefusal(
        "a row cannot be sealed to its key and person",
        why="its person is not known yet, or its key is of a type other than int, str, bytes, UUID",
        remedy="Give the row its person first: flush it without the value, then assign it.",
        reason="sealed.row",
    )


def undeclared(what: str) -> SealedRefusal:
    """A column that is not declared as it must be."""
    return SealedRefusal(
        "a sealed column is not declared as it must be",
        why=what,
        remedy='Write Sealed("purpose", "event.field", subject="attribute of the person\'s id").',
        reason="sealed.declared",
    )
