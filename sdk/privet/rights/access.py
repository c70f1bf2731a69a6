"""Access and portability: everything that is kept about one person, as plain data.

GDPR Art. 15 and 20; CCPA §1798.110. The answer names purposes, recipients and how long
each kind is kept; of reads it says when, in which role and why, never who.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from privet.clock import iso
from privet.errors import InvalidInput, StoreUnavailable
from privet.gate import catalogue, columns, planning, subject
from privet.gate.parts import Caller, Parts
from privet.gate.read import read
from privet.ingest import Receipt
from privet.segments import serving as segments
from privet.types import RIGHTS, Action, Events

NULL = np.iinfo(np.int64).min


def profile(
    parts: Parts, caller: Caller, purpose: str, sno: int, fields: Sequence[str]
) -> Mapping[str, object]:
    """Named profile fields of one person for one purpose, minimized as the policy says."""
    reading = read(parts, caller, purpose, "read", fields, [sno])
    events = reading.open(next(reading.slices())).events["profile"]
    rows = list(plain_rows(parts, "profile", events))
    return {k: v for k, v in rows[0].items() if k != "at"} if rows else {}


def events(
    parts: Parts, caller: Caller, purpose: str, sno: int, event: str, fields: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows of one event of one person for one purpose, minimized as the policy says."""
    reading = read(parts, caller, purpose, "read", fields, [sno])
    released = reading.open(next(reading.slices())).events
    return plain_rows(parts, event, released[event]) if event in released else []


def everything(parts: Parts, caller: Caller, sno: int, action: Action = "read") -> dict[str, Any]:
    """All that is kept about one person.

    Returns:
        ``ids``, ``profile``, ``events`` by type, ``grounds`` with their history and the
        ``evidence`` kept for it, ``purposes`` with ground, retention and recipients,
        ``columns``: purposes for which the app keeps sealed values of hers in tables of its own,
        ``models`` she is part of, ``segments`` she is placed in, and ``reads``.

    Raises:
        AccessDenied: no permit under ``privet:rights``, or somebody else's data.
    """
    reading = read(parts, caller, RIGHTS, action, frozenset(parts.policy.fields), [sno])
    released = reading.open(next(reading.slices())).events
    events = {n: list(plain_rows(parts, n, e)) for n, e in released.items() if n != "profile"}
    described = (
        list(plain_rows(parts, "profile", released["profile"])) if "profile" in released else []
    )
    return {
        "form": "privet:access/1",
        "made": iso(parts.now),
        "controller": {
            "name": parts.policy.controller.name,
            "contact": parts.policy.controller.contact,
        },
        "ids": subject.external_ids(parts, caller, sno),
        "profile": described[0] if described else {},
        "events": events,
        "grounds": subject.grounds_of(parts, sno),
        "evidence": subject.evidence_of(parts, caller, sno),
        "purposes": _purposes(parts),
        "columns": columns.purposes_of(parts, sno),
        "models": [f"{line.name}" for line in planning.models_of(parts, sno)],
        "segments": segments.own(parts, reading.warrant, sno),
        "reads": subject.reads_of(parts, sno),
    }


def export(parts: Parts, caller: Caller, sno: int, path: Path) -> Receipt:
    """``everything`` as a JSON file of mode 0600; an existing file is never overwritten."""
    content = json.dumps(everything(parts, caller, sno, "export"), ensure_ascii=False, indent=1)
    record = parts.log.size() - 1
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except (OSError, ValueError):  # ValueError: a name with a NUL in it
        raise InvalidInput(
            "the export cannot be written there",
            why="the file exists already, or its directory does not or cannot be written",
            remedy="Name a new file in a directory of yours.",
            reason="export.path",
        ) from None
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError:
        path.unlink(missing_ok=True)  # half of a life is no copy of it
        raise StoreUnavailable(
            "the export was not written",
            why="the file system refused",
            remedy="Make room, or name a file on another disk.",
            reason="export.unwritable",
        ) from None
    return Receipt(record, new=True)


def plain_rows(parts: Parts, event: str, events: Events) -> list[dict[str, Any]]:
    """Opened rows as plain values: item ids, decimal texts, RFC 3339 instants."""
    plain = {
        name: _plain(parts, f"{event}.{name}", values, events.extra.get(name, ()))
        for name, values in events.columns.items()
    }
    return [
        {"at": iso(int(at)), **{n: v[i] for n, v in plain.items() if v[i] is not None}}
        for i, at in enumerate(events.at)
        if at != NULL  # a person without a profile has an empty row
    ]


def _plain(parts: Parts, field: str, values: np.ndarray, extra: Sequence[str]) -> list[Any]:
    spec = parts.policy.fields[field]
    if spec.kind == "item":
        ids = catalogue.items(parts).ids
        return [None if c == NULL else ids[c] if c >= 0 else extra[-c - 1] for c in values]
    if spec.kind == "decimal":
        return [None if v == NULL else str(Decimal(int(v)).scaleb(-spec.scale)) for v in values]
    if spec.kind in {"int", "bool"}:
        plain = bool if spec.kind == "bool" else int
        return [None if v == NULL else plain(v) for v in values]
    if spec.kind == "seconds":
        return [None if np.isnan(v) else float(v) for v in values]
    return [None if v is None else str(v) for v in values]


def _purposes(parts: Parts) -> list[dict[str, Any]]:
    return [
        {
            "purpose": p.name,
            "text": p.text,
            "ground": p.basis,
            "recipients": list(p.recipients),
            "retention": str(p.retention),
        }
        for p in parts.policy.purposes.values()
    ]
