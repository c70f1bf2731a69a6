"""Sealed columns of mapped classes: found once a class, and told their rows when these load."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Table, event, inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.sql import visitors

from privet.columns.column import Sealed
from privet.columns.refusals import compared, keyless, moved, undeclared
from privet.columns.value import PENDING, Placed, SealedValue, ciphertext, of, placed, put
from privet.gate.columns import Place
from privet.types import check_subject

_KNOWN: dict[type, dict[str, Sealed]] = {}
_CLAUSES = ("_order_by_clauses", "_group_by_clauses", "_distinct_on")


def sealed_of(kind: type) -> dict[str, Sealed]:
    """The sealed attributes of a mapped class; empty where it has none, or is not mapped."""
    return _KNOWN.get(kind, {})


@event.listens_for(Mapper, "mapper_configured")
def _configured(mapper: Mapper[Any], kind: type) -> None:
    found = {
        attribute.key: attribute.columns[0].type
        for attribute in mapper.column_attrs
        if isinstance(attribute.columns[0].type, Sealed)
    }
    if not found:
        return
    for sealed in found.values():
        if sealed.subject not in mapper.column_attrs:
            raise undeclared("the class has no column attribute of the name given as subject")
    _KNOWN[kind] = found
    event.listen(kind, "load", _loaded)
    event.listen(kind, "refresh", _refreshed)
    event.listen(kind, "before_insert", _unmoved)
    event.listen(kind, "before_update", _unmoved)


def _loaded(target: Any, _context: Any) -> None:
    _place_all(target, sealed_of(type(target)))


def _refreshed(target: Any, _context: Any, names: Iterable[str] | None) -> None:
    kinds = sealed_of(type(target))
    _place_all(target, kinds if names is None else set(names) & kinds.keys())


def _place_all(target: Any, names: Iterable[str]) -> None:
    for name in names:
        value = target.__dict__.get(name)
        if not isinstance(value, SealedValue):
            continue
        if _named(target, name) <= target.__dict__.keys():
            where = where_of(target, name)
            if where is not None:
                put(value, where)
        else:  # loaded alone: what it is bound to is looked up when somebody asks
            of(value, target, name)


def _named(target: Any, attribute: str) -> set[str]:
    """The attributes that a value is bound to."""
    mapper = target.__mapper__
    keys = {mapper.get_property_by_column(key).key for key in mapper.primary_key}
    return keys | {sealed_of(type(target))[attribute].subject}


def where_of(target: Any, attribute: str) -> Placed | None:
    """Which row and column a value of an object stands in; None where that is not known yet.

    Raises:
        InvalidInput: the person's id or the row's key is of a type that is not bound.
    """
    mapper = target.__mapper__
    sealed = sealed_of(type(target))[attribute]
    column = mapper.column_attrs[attribute].columns[0]
    keys = [mapper.get_property_by_column(key).key for key in mapper.primary_key]
    values = [getattr(target, key) for key in keys]
    subject = getattr(target, sealed.subject)
    if subject is None or any(value is None for value in values):
        return None
    row = ",".join(_told(value) for value in values)
    place = Place(_table(column.table), column.name, row)
    return Placed(sealed, attribute, check_subject(subject), place)


def _table(table: Table) -> str:
    return f"{table.schema or ''}.{table.name}"


def _told(value: object) -> str:
    """A part of a row's key in one form that no other value has."""
    if isinstance(value, UUID):
        return f"u{value.hex}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"i{value}"
    if isinstance(value, str):
        return f"t{base64.b64encode(value.encode()).decode()}"
    if isinstance(value, bytes):
        return f"b{base64.b64encode(value).decode()}"
    raise keyless()


def _unmoved(_mapper: Any, _connection: Any, target: Any) -> None:
    """Refuse a sealed value that would stand where it was not sealed for."""
    state = inspect(target)
    for name in sealed_of(type(target)):
        changed = any(state.attrs[key].history.has_changes() for key in _named(target, name))
        if changed and state.persistent and name not in target.__dict__:
            raise moved()  # it is in the table, and would be another's
        value = target.__dict__.get(name)
        if not isinstance(value, SealedValue) or ciphertext(value) == PENDING:
            continue
        here = where_of(target, name)
        if here is None or placed(value) != here:
            raise moved()


@event.listens_for(Engine, "before_execute")
def _in_no_order(
    _connection: Any, clause: Any, _many: Any, _parameters: Any, _options: Any
) -> None:
    """Refuse to order, group or tell apart by ciphertexts: it would look as if it worked."""
    for name in _CLAUSES:
        for part in _each(getattr(clause, name, ())):
            if any(isinstance(getattr(x, "type", None), Sealed) for x in visitors.iterate(part)):
                raise compared()


def _each(clauses: Any) -> Iterator[Any]:
    yield from clauses or ()
