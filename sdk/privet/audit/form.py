"""Very many records that differ in a few places: encoded by splicing, checked as one.

An import writes a record a person. All of a record but her own part is the same for everybody,
so it is encoded once, by the encoder that encodes every other record, and cut where they differ.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from privet.audit.record import MAX_BYTES, encode
from privet.audit.sets import SubjectSet
from privet.errors import AuditUnavailable, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACE: Final = "\x01part"
_SET: Final = "\x01set"
_TS: Final = "\x01ts"


class Spliced(NamedTuple):
    """One record of many, made ready; see ``privet.audit.entry.Prepared``."""

    form: Form
    sno: int
    part: bytes
    ts: int
    data: bytes
    redo: bool = True

    @property
    def about(self) -> SubjectSet:
        """The one subject that it is about."""
        return SubjectSet({}, (self.sno,), {})

    def at(self, ts: int) -> Spliced:
        """The same record at another instant."""
        return self if ts == self.ts else self.form.fill(self.sno, self.part, ts)


class Form:
    """What very many records of one subject each have in common.

    Args:
        body: what every record says; codes and counts.
        key: the key under which each says something of its own.

    Raises:
        AuditUnavailable: the body has a key of the log's own, or this one.
        InvalidInput: the body has a form that a record does not take.
    """

    def __init__(self, body: Mapping[str, Any], key: str) -> None:
        if not body.keys().isdisjoint({"ts", "set", "redo", key}):
            raise AuditUnavailable(
                "an audit record was refused",
                why="its body has a key that is the log's own",
                remedy="Leave `ts`, `set` and `redo` out; give them beside the body.",
                reason="record.form",
            )
        whole = encode({**body, key: _PLACE, "redo": True, "set": _SET, "ts": _TS})
        marks = {name: encode({"": name})[4:-1] for name in (_PLACE, _SET, _TS)}
        order = sorted(marks, key=lambda name: whole.index(marks[name]))
        self._turn = itemgetter(*((_PLACE, _SET, _TS).index(name) for name in order))
        pieces = []
        for name in order:
            before, _, whole = whole.partition(marks[name])
            pieces.append(before.replace(b"%", b"%%"))
        self._whole = b"%b".join([*pieces, whole.replace(b"%", b"%%")])

    def fill(self, sno: int, part: bytes, ts: int) -> Spliced:
        """The record of one subject.

        Args:
            sno: her ordinal.
            part: canonical JSON of what it says of its own.
            ts: UTC microseconds.

        Raises:
            InvalidInput: it takes more than 65,535 bytes.
        """
        values = (part, b'{"n":1,"snos":[%d]}' % sno, b"%d" % ts)
        data = self._whole % self._turn(values)
        if len(data) > MAX_BYTES:
            raise InvalidInput(
                "an audit record is too long",
                why=f"it takes more than {MAX_BYTES} bytes",
                reason="record.size",
            )
        return Spliced(self, sno, part, ts, data)
