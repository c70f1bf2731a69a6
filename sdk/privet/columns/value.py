"""What an attribute of a sealed column holds: a ciphertext with its place, and a way to ask."""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from privet.columns.refusals import compared, stays_sealed, unplaced
from privet.gate.columns import Place

if TYPE_CHECKING:
    from privet.columns.column import Sealed

PENDING: Final = b"\0"
"""Stands in a new row whose key the database gives, until the row has it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Which row and column a value stands in, and whose it is."""

    kind: Sealed
    attribute: str
    subject: str | int
    place: Place


class Opens(Protocol):
    """An access that opens values of one session."""

    def value_of(self, value: SealedValue, placed: Placed) -> Any:
        """The plain value."""
        ...


OPENING: Final[ContextVar[Opens | None]] = ContextVar("privet-opening", default=None)


class SealedValue:
    """A value of a sealed column. It shows nothing; ``value`` opens it where an access may.

    Two of them are equal only where they are one object: of their plain values nothing is told.
    It can be pickled and copied: what leaves is the ciphertext.
    """

    __slots__ = ("_attribute", "_ct", "_owner", "_placed")

    def __init__(self, ct: bytes) -> None:
        self._ct = bytes(ct)
        self._placed: Placed | None = None
        self._owner: weakref.ref[Any] | None = None
        self._attribute = ""

    @property
    def value(self) -> Any:
        """The plain value, minimized as the policy says; None where it is past its retention.

        All values of the same column that the session holds are opened with the first one,
        under one decision and one record.

        Raises:
            AccessDenied: no access is opening the session (``sealed.closed``), or the policy
                does not permit it.
            ConsentMissing, Objected, Erased: no ground of the person covers the purpose, or
                the key is destroyed (``sealed.destroyed``).
            IntegrityError: it was changed or moved (``sealed.place``).
            InvalidInput: it is not known in which row it stands (``sealed.row``).
        """
        opens = OPENING.get()
        if opens is None:
            raise stays_sealed()
        where = placed(self)
        if where is None:
            raise unplaced()
        return opens.value_of(self, where)

    def __repr__(self) -> str:
        return "SealedValue(<sealed>)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> tuple[object, ...]:
        return (SealedValue, (self._ct,))

    def __bool__(self) -> bool:
        return True

    def _refuse(self, _other: object) -> NoReturn:
        raise compared()

    __lt__ = __le__ = __gt__ = __ge__ = _refuse

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> Any:
        """In a model of Pydantic it is taken as it is, and leaves as a mark that shows nothing."""
        from pydantic_core import core_schema

        return core_schema.any_schema(
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: None if value is None else "<sealed>"
            )
        )


def ciphertext(value: SealedValue) -> bytes:
    """What the table holds."""
    return value._ct  # noqa: SLF001 - of this room's own


def of(value: SealedValue, target: object, attribute: str) -> None:
    """Tell a value whose attribute it was loaded for."""
    value._owner, value._attribute = weakref.ref(target), attribute  # noqa: SLF001 - likewise


def placed(value: SealedValue) -> Placed | None:
    """Where it was loaded from or sealed for, where that is known."""
    from privet.columns.mapped import where_of

    owner = None if value._owner is None else value._owner()  # noqa: SLF001 - likewise
    if value._placed is None and owner is not None:  # noqa: SLF001 - likewise
        value._placed = where_of(owner, value._attribute)  # noqa: SLF001 - likewise
    return value._placed  # noqa: SLF001 - likewise


def put(value: SealedValue, where: Placed) -> SealedValue:
    """Tell a value where it stands."""
    value._placed = where  # noqa: SLF001 - of this room's own
    return value
