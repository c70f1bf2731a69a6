"""Columns of an app's own tables, sealed: collected and read through the gate like all else.

A write is a collection: the policy decides, the person's ground must hold, the record is durable
before anything is sealed, and the ground holds still when the key's head is committed. A read
is a read: R1 to R3 once for all rows at hand, then the ground once more, retention, minimization.
What lies in the app's database is ciphertext, bound to deployment, person, table, column and row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from pyroaring import BitMap

from privet.errors import AccessDenied, PrivetError, StoreUnavailable
from privet.gate.minimize import minimize
from privet.gate.parts import Caller, Parts
from privet.gate.read import not_before, read
from privet.gate.record import authorise, explained, ground_error, perform, refuse
from privet.gate.retention import bounds
from privet.gate.write import ATTEMPTS, admit
from privet.policy import COLUMN, FieldSpec, column, is_held
from privet.types import Events

if TYPE_CHECKING:
    from privet.gate.read import Reading
    from privet.types import Warrant

_LABEL: Final = b"privet-column-v1\0"
_BLOCK: Final = 32  # lengths of short values are not told apart
Plain = int | float | str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value stands.

    Attributes:
        table: schema and table.
        column: the column.
        row: the row's key, in one unambiguous form.
    """

    table: str
    column: str
    row: str

    @property
    def label(self) -> bytes:
        """What a value is bound to besides its person."""
        told = json.dumps([self.table, self.column, self.row], separators=(",", ":"))
        return _LABEL + told.encode()


@dataclass(frozen=True, slots=True)
class Sealing:
    """People of whom values of some fields may be sealed now; the record is durable.

    Attributes:
        purpose: what they are collected for.
        snos: ordinals by the app's own ids.
        warrant: names all of them.
        now: the instant of the collection, UTC microseconds.
    """

    parts: Parts
    purpose: str
    snos: dict[str | int, int]
    warrant: Warrant
    now: int

    def seal(self, subject: str | int, place: Place, value: Plain) -> bytes:
        """One value of one person, sealed for its place.

        Raises:
            Erased: her key was destroyed since (``sealed.destroyed``).
        """
        text = json.dumps([self.now, value], ensure_ascii=False, separators=(",", ":")).encode()
        padded = text + b" " * (-len(text) % _BLOCK)  # JSON takes no notice of them
        one = self.snos[subject], place.label, padded
        return self.parts.vault.seal_column(self.warrant, column(self.purpose), [one])[0]


def field_of(parts: Parts, purpose: str, name: str) -> FieldSpec:
    """What a column holds, as the data document declares it.

    Raises:
        AccessDenied: the policy has no such purpose or field, or a law holds the field past an
            erasure (``sealed.held``): what decides when such a key goes is not known here.
    """
    if purpose not in parts.policy.purposes:
        raise AccessDenied(
            "a sealed column is for a purpose that the policy does not have",
            remedy="Declare the purpose in the policy, or mend the column's.",
            reason="purpose.unknown",
        )
    if name not in parts.policy.fields:
        raise AccessDenied(
            "a sealed column is of a field that the policy does not know",
            remedy="Declare the field in the data document, or mend the column's.",
            reason="field.unknown",
        )
    event, _, bare = name.partition(".")
    if is_held(parts.policy.domain_of(purpose, event, bare)):
        raise AccessDenied(
            "a field that a law holds cannot be sealed in a column",
            why="its key must outlive an erasure for as long as each value is held, and an "
            "app's rows do not tell since when",
            remedy="Record it as an event or describe it in the profile.",
            reason="sealed.held",
        )
    return parts.policy.fields[name]


def collect(
    parts: Parts, caller: Caller, purpose: str, fields: frozenset[str], ids: Sequence[str | int]
) -> Sealing:
    """Allow values of these fields of these people to be sealed, all of them or none.

    Raises:
        AccessDenied: the policy does not permit it (recorded).
        ConsentMissing, Objected, Erased: of somebody no ground holds (recorded without her).
        AuditUnavailable: the record did not become durable.
    """
    known = dict(zip(ids, parts.subjects.find(ids), strict=True))
    snos = BitMap([sno for sno in known.values() if sno is not None])
    admitted = admit(parts, caller, purpose, fields, snos, parts.now)
    missing = [sno for sno in known.values() if sno is None or sno not in admitted.eligible]
    if missing:
        reason = (missing[0] is not None and admitted.reasons.get(missing[0])) or "ground.missing"
        raise refuse(parts, caller, purpose, "collect", reason)
    perform(parts, caller, purpose, "collect", snos)
    warrant = authorise(
        parts,
        caller,
        "write",
        purpose=purpose,
        action="collect",
        subjects=snos,
        fields=sorted(fields),
        columns=1,
        position=admitted.position,
        **explained(admitted.decision),
    )
    for _ in range(ATTEMPTS):
        founded = parts.vault.found(warrant, column(purpose), sorted(snos))
        with parts.home.data.write() as tx:
            still = admitted.held(tx, parts, tells_age=parts.policy.subject.age in fields)
            if len(still) < len(snos):
                raise ground_error(purpose, "ground.withdrawn")
            if parts.vault.commit_found(tx, founded, still):
                mine = {id_: sno for id_, sno in known.items() if sno is not None}
                return Sealing(parts, purpose, mine, warrant, parts.now)
    raise StoreUnavailable(
        "the same people were written by others each time",
        remedy="Try again.",
        reason="store.contended",
    )


def purposes_of(parts: Parts, sno: int) -> list[str]:
    """The purposes for which an app keeps sealed values of one person in tables of its own."""
    with parts.home.data.read() as tx:
        domains = parts.vault.domains_of(tx, sno)
    return sorted(name.removesuffix(COLUMN) for name in domains if name.endswith(COLUMN))


@dataclass(frozen=True, slots=True)
class Stored:
    """A sealed value as it was found in the app's table.

    Attributes:
        subject: the app's own id of its person.
        place: where it stands.
        ct: the ciphertext.
    """

    subject: str | int
    place: Place
    ct: bytes


def open_column(
    parts: Parts,
    caller: Caller,
    purpose: str,
    collected: str,
    field: str,
    rows: Sequence[Stored],
) -> list[Events | PrivetError]:
    """Open values of one field, under one decision and one record for all of their people.

    Args:
        parts: the open deployment.
        caller: who reads.
        purpose: what for.
        collected: the purpose that the column was collected for.
        field: the field's full name.
        rows: the values.

    Returns:
        For each row an ``Events`` with one row, minimized, or none where the value is past its
        retention; or the error that says why this one does not open.

    Raises:
        AccessDenied: the policy does not permit the read (recorded).
        ConsentMissing, Objected, Erased: nobody of them has a ground.
        AuditUnavailable: the record did not become durable; nothing was opened.
    """
    field_of(parts, collected, field)
    if collected not in parts.policy.sources(purpose):
        raise AccessDenied(
            "a column was collected for another purpose",
            why=f"{purpose!r} does not reuse what is collected for {collected!r}",
            remedy="Read it for the purpose that it was collected for, or let the policy reuse it.",
            reason="sealed.purpose",
        )
    ids = list(dict.fromkeys(row.subject for row in rows))
    known = dict(zip(ids, parts.subjects.find(ids), strict=True))
    reading = read(
        parts, caller, purpose, "read", {field}, [s for s in known.values() if s is not None]
    )
    with parts.home.data.read() as tx:
        still = reading.still(tx, BitMap(reading.warrant.subjects))
        earliest = bounds(tx, parts, reading.sources, still)
    oldest = not_before(parts, purpose, reading.sources)
    limits = {} if earliest is None else dict(zip(*(x.tolist() for x in earliest), strict=True))
    found: list[Events | PrivetError] = [ground_error(purpose, "ground.missing") for _ in rows]
    mine = [(n, known[row.subject] or 0, row) for n, row in enumerate(rows)]
    mine = [one for one in mine if one[1] in still]
    values = [(sno, row.place.label, row.ct) for _, sno, row in mine]
    opened = parts.vault.open_column(reading.warrant, column(collected), values)
    for (n, sno, _), value in zip(mine, opened, strict=True):
        if isinstance(value, PrivetError):
            found[n] = value
        else:
            at, plain = json.loads(value)
            kept = at >= max(oldest, limits.get(sno, oldest))
            found[n] = _released(parts, reading, field, at, plain if kept else None)
    return found


def _released(parts: Parts, reading: Reading, field: str, at: int, plain: Plain | None) -> Events:
    """One value as a row, minimized as the decision says; no row where there is nothing."""
    event, _, bare = field.partition(".")
    count = int(plain is not None)
    values = np.empty(count, object)
    extra: dict[str, tuple[str, ...]] = {}
    kind = parts.policy.fields[field].kind
    if plain is not None and kind == "item":
        values, extra = np.array([-1]), {bare: (str(plain),)}
    elif plain is not None and kind in {"int", "bool", "decimal"}:
        values = np.array([int(plain)], np.int64)
    elif plain is not None and kind == "seconds":
        values = np.array([float(plain)])
    elif plain is not None:
        values[0] = plain
    row = Events(
        np.zeros(1, np.int64),
        np.array([0, count], np.int64),
        np.full(count, at, np.int64),
        {bare: values},
        extra,
    )
    return minimize(row, event, reading.minimizing, parts.zone)
