"""The column type: bytes in the database, sealed values on objects, and nothing in between."""

from __future__ import annotations

from typing import Any, NoReturn

from sqlalchemy import LargeBinary
from sqlalchemy.sql import operators
from sqlalchemy.types import TypeDecorator

from privet.columns.refusals import compared, plain, undeclared
from privet.columns.value import SealedValue, ciphertext


class _Opaque(TypeDecorator.Comparator[Any]):
    """Refuses every operator on a sealed column but the question whether it is null."""

    def operate(self, op: Any, *other: Any, **more: Any) -> Any:
        asks_for_null = op in {operators.is_, operators.is_not, operators.eq, operators.ne}
        if asks_for_null and other == (None,):
            return super().operate(op, *other, **more)
        raise compared()

    def reverse_operate(self, op: Any, other: Any, **more: Any) -> NoReturn:
        raise compared()


class _Ciphertext(TypeDecorator[Any]):
    """Lets nothing but ciphertexts pass, in either direction."""

    impl = LargeBinary
    cache_ok = True
    comparator_factory = _Opaque

    def process_bind_param(self, value: Any, dialect: Any) -> bytes | None:
        """Let nothing but a ciphertext through to the database."""
        if value is None:
            return None
        if not isinstance(value, SealedValue):
            raise plain()
        return ciphertext(value)

    def process_literal_param(self, value: Any, dialect: Any) -> NoReturn:
        """Never write a value into the text of a statement."""
        raise plain()

    def process_result_value(self, value: Any, dialect: Any) -> SealedValue | None:
        """What the database holds, sealed as it is."""
        return None if value is None else SealedValue(bytes(value))

    def compare_values(self, x: Any, y: Any) -> bool:
        """Whether an attribute is unchanged: where it is the same object."""
        return x is y


class Sealed(_Ciphertext):
    """A column whose values are sealed under the key of the row's person.

    Args:
        purpose: what the values are collected for; a purpose of the policy.
        field: the full name under which the data document declares them, such as
            ``"profile.phone"``. A field that a law holds past an erasure is refused.
        subject: name of the mapped attribute that holds the app's own id of the person, as
            privet knows it. It and the row's primary key are bound into every value.

    Example:
        >>> from sqlalchemy import Column
        >>> Column("phone", Sealed("orders", "profile.phone", subject="id")).type
        Sealed('orders', 'profile.phone', subject='id')
    """

    cache_ok = True

    def __init__(self, purpose: str, field: str, *, subject: str) -> None:
        super().__init__()
        given: dict[str, object] = {"purpose": purpose, "field": field, "subject": subject}
        for name, text in given.items():
            if not (isinstance(text, str) and text):
                raise undeclared(f"its {name} is no text")
        if "." not in field:
            raise undeclared("its field is not named in full")
        self.purpose = purpose
        self.field = field
        self.subject = subject

    def __repr__(self) -> str:
        return f"Sealed({self.purpose!r}, {self.field!r}, subject={self.subject!r})"
