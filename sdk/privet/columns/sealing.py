"""Writing: an access seals what is assigned to sealed attributes, as the session flushes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import event
from sqlalchemy.orm import attributes

from privet.columns.mapped import sealed_of, where_of
from privet.columns.refusals import SealedRefusal, keyless
from privet.columns.value import PENDING, SealedValue, put
from privet.gate import catalogue
from privet.gate.columns import Plain, Sealing, collect, field_of
from privet.ingest.columns import typed
from privet.types import check_subject

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from privet.columns.column import Sealed
    from privet.gate.parts import Caller, Parts


@dataclass(slots=True)
class _Work:
    """What one access seals in one session."""

    parts: Parts
    caller: Caller
    purpose: str
    allowed: Sealing | None = None
    waiting: dict[int, list[tuple[str, Plain]]] = field(default_factory=dict)

    def before_flush(self, session: Session, _context: Any, _instances: Any) -> None:
        """Decide once for all that is to be sealed in this flush, then seal it."""
        found = [
            (target, name, kind, value)
            for target in (*session.new, *session.dirty)
            for name, kind in sealed_of(type(target)).items()
            if (value := target.__dict__.get(name)) is not None
            and not isinstance(value, SealedValue)
        ]
        if not found:
            return
        values = [self._checked(kind, value) for _, _, kind, value in found]
        ids = [self._subject(target, kind) for target, _, kind, _ in found]
        fields = frozenset(kind.field for _, _, kind, _ in found)
        once = list(dict.fromkeys(ids))
        self.allowed = collect(self.parts, self.caller, self.purpose, fields, once)
        for (target, name, _, _), value in zip(found, values, strict=True):
            if not self._put(target, name, value):
                self.waiting.setdefault(id(target), []).append((name, value))
                setattr(target, name, SealedValue(PENDING))

    def after_flush(self, session: Session, _context: Any) -> None:
        """Rows that the database gave a key have one now: seal what waits, in this transaction."""
        for target in list(session.new):
            for name, value in self.waiting.pop(id(target), ()):
                self._put(target, name, value)
                self._update(session, target, name)
        self.waiting.clear()

    def _update(self, session: Session, target: Any, name: str) -> None:
        mapper = target.__mapper__
        table = mapper.column_attrs[name].columns[0].table
        where = [
            key == getattr(target, mapper.get_property_by_column(key).key)
            for key in table.primary_key.columns
        ]
        sealed = target.__dict__[name]
        column = mapper.column_attrs[name].columns[0].name
        session.connection().execute(table.update().where(*where).values({column: sealed}))

    def _put(self, target: Any, name: str, value: Plain) -> bool:
        """Seal one value for its row; False where the row has no key yet."""
        where = where_of(target, name)
        if where is None or self.allowed is None:
            return False
        sealed = SealedValue(self.allowed.seal(where.subject, where.place, value))
        if target.__dict__.get(name) is not None and isinstance(target.__dict__[name], SealedValue):
            attributes.set_committed_value(target, name, put(sealed, where))
        else:
            setattr(target, name, put(sealed, where))
        return True

    def _subject(self, target: Any, kind: Sealed) -> str | int:
        subject = getattr(target, kind.subject)
        if subject is None:
            raise keyless()
        return check_subject(subject)

    def _checked(self, kind: Sealed, value: object) -> Plain:
        """The value in the form that is sealed, as its field's type asks."""
        if kind.purpose != self.purpose:
            raise SealedRefusal(
                "a sealed column is collected for another purpose",
                why=f"it is declared for {kind.purpose!r}, and the access is for {self.purpose!r}",
                remedy="Seal it with an access for the column's purpose.",
                reason="sealed.purpose",
            )
        spec = field_of(self.parts, kind.purpose, kind.field)
        raw = np.empty(1, object)
        raw[0] = value
        items = catalogue.items(self.parts).codes if spec.kind == "item" else {}
        column = typed(spec, raw, items)
        if column.bad[0] or column.missing[0]:
            raise SealedRefusal(
                f"the value of {kind.field} was refused",
                why=f"it is not of kind {spec.kind}",
                remedy="Assign a value of the type that the data document declares.",
                reason="field.type",
            )
        if spec.kind == "item":
            return str(value)
        plain: Plain = column.values[0]
        return plain.item() if isinstance(plain, np.generic) else plain


@contextmanager
def sealing(parts: Parts, caller: Caller, purpose: str, session: Session) -> Iterator[None]:
    """Seal what is assigned to sealed attributes while ``session`` flushes inside the block."""
    work = _Work(parts, caller, purpose)
    event.listen(session, "before_flush", work.before_flush)
    event.listen(session, "after_flush", work.after_flush)
    try:
        yield
    finally:
        event.remove(session, "before_flush", work.before_flush)
        event.remove(session, "after_flush", work.after_flush)
