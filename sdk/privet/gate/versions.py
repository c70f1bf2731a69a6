"""One version of a model: its row, its sealed pages, and what its lineage has kept.

A training begins a *lineage*; every version of it is a sum of the contributions kept
for that lineage, each sealed under its person's key. A version's pages are sealed under
a key of its own, which is destroyed with it.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap

from privet.audit import Entry
from privet.crypto import Aead
from privet.db import Tx
from privet.errors import IntegrityError, ModelUnavailable
from privet.gate.parts import Caller, Parts
from privet.gate.record import authorise, entry
from privet.types import FORGETTING
from privet.vault import twice

PAGE = 1 << 20
_AD = struct.Struct(">12s16sQQII16s")
COLUMNS = (
    "SELECT model, version, lineage, name, purpose, spec, digest, slice, state, subjects, "
    "created, deadline, report FROM model"
)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a model, without its bytes.

    Attributes:
        model: number of (purpose, name).
        version: this version's number; never used again.
        lineage: the training that it comes from.
        spec: kind and parameters, as data.
        digest: SHA-256 of the state, kind and parameters: equal for equal sums.
        slice: digest of the part of the policy that bears on the purpose.
        state: ``"trained"``, ``"evaluated"`` or ``"live"``.
        subjects: how many people it is a sum of.
    """

    model: int
    version: int
    lineage: int
    name: str
    purpose: str
    spec: Mapping[str, Any]
    digest: bytes
    slice: str
    state: str
    subjects: int
    created: int
    deadline: int | None
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A state sealed under the key of a new version, not yet known to anybody."""

    version: int
    digest: bytes
    pages: list[tuple[int, bytes]]


def contribution_label(model: int, lineage: int) -> bytes:
    """Associated data of a kept contribution."""
    return struct.pack(">12sQQ", b"contribution", model, lineage)


def digest(spec: Mapping[str, Any], state: bytes) -> bytes:
    """SHA-256 over kind, parameters and state."""
    head = json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(struct.pack(">I", len(head)) + head + state).digest()


def binding(purpose: str, part_of_policy: str) -> bytes:
    """What a state is bound to besides its number: a purpose, and what the policy says of it."""
    return hashlib.sha256(f"{purpose}\0{part_of_policy}".encode()).digest()[:16]


def seal(parts: Parts, model: int, bound: bytes, spec: Mapping[str, Any], state: bytes) -> Sealed:
    """Seal a state in pages under the key of a new version, with its ``binding``."""
    with parts.home.data.write() as tx:
        version = next_number(tx)
    aead = Aead(parts.keys.model_key(model, version, create=True))
    count = max(1, -(-len(state) // PAGE))
    pages = [
        (
            part,
            aead.seal(
                state[part * PAGE : (part + 1) * PAGE],
                _ad(parts, (model, version, part, count), bound),
            ),
        )
        for part in range(count)
    ]
    return Sealed(version, digest(spec, state), pages)


def unseal(parts: Parts, version: Version, pages: Sequence[tuple[Any, ...]]) -> bytes:
    """A version's state from its sealed pages.

    Raises:
        IntegrityError: they are not what was published.
        KeyUnavailable: the version's key was destroyed.
    """
    aead = Aead(parts.keys.model_key(version.model, version.version))
    bound = binding(version.purpose, version.slice)
    places = [(version.model, version.version, int(part), len(pages)) for part, _ in pages]
    state = b"".join(
        aead.open(bytes(ct), _ad(parts, place, bound))
        for place, (_, ct) in zip(places, pages, strict=True)
    )
    if digest(version.spec, state) != version.digest:
        raise IntegrityError("a model's state is not what was published", reason="model.digest")
    return state


def _ad(parts: Parts, place: tuple[int, int, int, int], bound: bytes) -> bytes:
    return _AD.pack(b"privet-model", parts.home.deployment, *place, bound)


def version_of(row: tuple[Any, ...]) -> Version:
    """A version from a row of ``COLUMNS``."""
    return Version(
        model=int(row[0]),
        version=int(row[1]),
        lineage=int(row[2]),
        name=str(row[3]),
        purpose=str(row[4]),
        spec=json.loads(row[5]),
        digest=bytes(row[6]),
        slice=str(row[7]),
        state=str(row[8]),
        subjects=int(row[9]),
        created=int(row[10]),
        deadline=None if row[11] is None else int(row[11]),
        report=json.loads(row[12]),
    )


def insert(tx: Tx, v: Version, pages: Sequence[tuple[int, bytes]]) -> None:
    """Make a version known, with its pages."""
    tx.run(
        "INSERT INTO model (model, version, lineage, name, purpose, spec, digest, slice, state, "
        "subjects, created, deadline, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            v.model,
            v.version,
            v.lineage,
            v.name,
            v.purpose,
            json.dumps(dict(v.spec), sort_keys=True),
            v.digest,
            v.slice,
            v.state,
            v.subjects,
            v.created,
            v.deadline,
            json.dumps(dict(v.report), sort_keys=True),
        ),
    )
    tx.many(
        "INSERT INTO model_page (model, version, part, ct) VALUES (?, ?, ?, ?)",
        [(v.model, v.version, part, ct) for part, ct in pages],
    )


def delete(tx: Tx, model: int, version: int) -> bool:
    """Take a version away and note that its key is to go; False where it is gone already."""
    tx.run("DELETE FROM model_page WHERE model = ? AND version = ?", (model, version))
    if tx.run("DELETE FROM model WHERE model = ? AND version = ?", (model, version)) != 1:
        return False
    tx.run("INSERT INTO model_gone (model, version) VALUES (?, ?)", (model, version))
    return True


def pages_of(tx: Tx, version: int) -> list[tuple[Any, ...]]:
    """The sealed pages of a version, in order."""
    return tx.all("SELECT part, ct FROM model_page WHERE version = ? ORDER BY part", (version,))


def next_number(tx: Tx) -> int:
    """The next number for a model, a lineage or a version: one counter, never reused."""
    tx.run(
        "INSERT INTO meta (key, value) VALUES ('next_artifact', ?) ON CONFLICT (key) DO NOTHING",
        (b"1",),
    )
    row = tx.one("SELECT value FROM meta WHERE key = 'next_artifact'" + tx.for_update)
    number = int(bytes(row[0])) if row else 1
    tx.run("UPDATE meta SET value = ? WHERE key = 'next_artifact'", (b"%d" % (number + 1),))
    return number


def contributors(tx: Tx, model: int, lineage: int) -> BitMap:
    """Whose contributions are kept for a lineage."""
    rows = tx.all("SELECT sno FROM contribution WHERE model = ? AND lineage = ?", (model, lineage))
    return BitMap([int(row[0]) for row in rows])


def _contributions(tx: Tx, model: int, lineage: int, people: BitMap) -> dict[int, bytes]:
    sql = "SELECT sno, ct FROM contribution WHERE model = ? AND lineage = ? AND sno BETWEEN ? AND ?"
    if len(people) == 0:
        return {}
    rows = tx.all(sql, (model, lineage, people.min(), people.max()))
    return {int(s): bytes(ct) for s, ct in rows if int(s) in people}


def kept_of(
    parts: Parts, caller: Caller, model: int, lineage: int, people: BitMap
) -> dict[int, bytes]:
    """The stored contributions of these people, opened under ``privet:forgetting``."""
    return twice(lambda: _kept_of(parts, caller, model, lineage, people))


def _kept_of(
    parts: Parts, caller: Caller, model: int, lineage: int, people: BitMap
) -> dict[int, bytes]:
    with parts.home.data.read() as tx:
        rows = _contributions(tx, model, lineage, people)
        name = tx.one("SELECT purpose FROM model_live WHERE model = ?", (model,))
    if not rows or name is None:
        return {}
    warrant = authorise(
        parts, caller, "access", purpose=FORGETTING, action="erase", subjects=rows, model=model
    )
    return parts.vault.open_many(warrant, str(name[0]), contribution_label(model, lineage), rows)


def drop_contributions(tx: Tx, model: int, lineage: int, people: BitMap) -> None:
    """Delete what these people added to a lineage."""
    tx.many(
        "DELETE FROM contribution WHERE sno = ? AND model = ? AND lineage = ?",
        [(sno, model, lineage) for sno in people],
    )


def superseded() -> ModelUnavailable:
    """The error for a version that is not there any more."""
    return ModelUnavailable("this model version is gone", reason="model.superseded")


def check_slice(parts: Parts, version: Version) -> None:
    """Refuse a version of another policy: what bears on its purpose has changed.

    Raises:
        ModelUnavailable: reason ``model.policy-changed``.
    """
    if version.slice != parts.policy.slice_hash(version.purpose):
        raise ModelUnavailable(
            "this model was trained under another policy",
            why="what the policy says about its purpose has changed",
            remedy="Train and serve it again.",
            reason="model.policy-changed",
        )


def model_entry(parts: Parts, caller: Caller, action: str, v: Version, **more: Any) -> Entry:
    """The record of what was done with a version."""
    return entry(
        parts,
        caller,
        "model",
        purpose=v.purpose,
        action=action,
        model=v.model,
        version=v.version,
        digest=v.digest.hex(),
        **more,
    )
