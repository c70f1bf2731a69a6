"""Models are personal data: sealed, bound to their purpose, served by permit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privet.db import Tx
from privet.gate.parts import Caller, Parts
from privet.gate.publication import end_run
from privet.gate.record import perform
from privet.gate.removal import destroy_gone
from privet.gate.versions import (
    COLUMNS,
    Version,
    check_slice,
    delete,
    model_entry,
    next_number,
    pages_of,
    superseded,
    unseal,
    version_of,
)


@dataclass(frozen=True, slots=True)
class Live:
    """Which version serves, and its epoch."""

    version: int
    epoch: int


def evaluated(parts: Parts, caller: Caller, version: Version, report: Mapping[str, Any]) -> None:
    """Keep the report of an evaluation with the version that it is of.

    Raises:
        AccessDenied: who evaluates did something else with it, which the policy keeps apart.
    """
    perform(parts, caller, version.purpose, "evaluate", version=_training(version))
    parts.log.append([model_entry(parts, caller, "evaluate", version)])
    with parts.home.data.write() as tx:
        tx.run(
            "UPDATE model SET report = ?, state = CASE state WHEN 'trained' THEN 'evaluated' "
            "ELSE state END WHERE model = ? AND version = ?",
            (json.dumps(report, sort_keys=True), version.model, version.version),
        )


def _training(version: Version) -> str:
    """The training that a version comes from, as a run is called."""
    return f"{version.model}.{version.lineage}"


def serve(parts: Parts, caller: Caller, version: Version) -> None:
    """Put a version live for every worker at its next read; older ones are purged.

    Raises:
        ModelUnavailable: the version is gone, or the policy's slice has changed since.
        AccessDenied: who serves did something else with it, which the policy keeps apart.
    """
    check_slice(parts, version)
    perform(parts, caller, version.purpose, "serve", version=_training(version))
    parts.log.append([model_entry(parts, caller, "serve", version)])
    with parts.home.data.write() as tx:
        parts.check_policy(tx)
        rows = tx.all(
            "SELECT version, lineage FROM model WHERE model = ?" + tx.for_update, (version.model,)
        )
        live = [int(v) for v, lineage in rows if int(lineage) == version.lineage]
        if not live:
            raise superseded()
        old = [int(v) for v, lineage in rows if int(lineage) < version.lineage]
        tx.run(
            "UPDATE model_live SET version = ?, epoch = epoch + 1, served = ? "
            "WHERE purpose = ? AND name = ?",
            (live[0], next_number(tx), version.purpose, version.name),
        )
        tx.run(
            "UPDATE model SET state = 'live' WHERE model = ? AND version = ?",
            (version.model, live[0]),
        )
        for number in old:
            delete(tx, version.model, number)
        tx.run(
            "DELETE FROM contribution WHERE model = ? AND lineage < ?",
            (version.model, version.lineage),
        )
        # An older run that is still going has lost what it kept: it may not publish.
        for (run,) in tx.all("SELECT id FROM run WHERE purpose = ?", (version.purpose,)):
            model, lineage = map(int, str(run).split("."))
            if model == version.model and lineage < version.lineage:
                end_run(tx, model, lineage)
    destroy_gone(parts)


def versions(parts: Parts, purpose: str, name: str | None = None) -> list[Version]:
    """All versions of a purpose's models, oldest first."""
    with parts.home.data.read() as tx:
        rows = tx.all(COLUMNS + " WHERE purpose = ? ORDER BY version", (purpose,))
    found = [version_of(row) for row in rows]
    return [v for v in found if name is None or v.name == name]


def current(parts: Parts, version: Version) -> Version:
    """A version as it stands in the store: a removal gives its lineage another number.

    Raises:
        ModelUnavailable: a newer training was served since (reason ``model.superseded``).
    """
    with parts.home.data.read() as tx:
        row = tx.one(COLUMNS + " WHERE model = ? AND lineage = ?", (version.model, version.lineage))
    if row is None:
        raise superseded()
    return version_of(row)


def live(tx: Tx, purpose: str, name: str | None) -> tuple[str, Live] | None:
    """The named model's serving version, or of the purpose's last served one."""
    rows = tx.all(_LIVE, (purpose,))
    return next((_live(*row) for row in rows if name in (None, row[0])), None)


def all_live(tx: Tx, purpose: str) -> list[tuple[str, Live]]:
    """Every serving model of a purpose, the last served first."""
    return [_live(*row) for row in tx.all(_LIVE, (purpose,))]


_LIVE = (
    "SELECT name, version, epoch FROM model_live WHERE purpose = ? AND version > 0 "
    "ORDER BY served DESC"
)


def _live(name: str, version: int, epoch: int) -> tuple[str, Live]:
    return name, Live(version, epoch)


def serving(parts: Parts, purpose: str) -> list[Version]:
    """The serving versions of a purpose's models, the last served first."""
    with parts.home.data.read() as tx:
        rows = [
            tx.one(COLUMNS + " WHERE version = ?", (found.version,))
            for _, found in all_live(tx, purpose)
        ]
    return [version_of(row) for row in rows if row is not None]


def load(parts: Parts, version: int) -> tuple[Version, bytes]:
    """The state of one version, opened and compared with its digest.

    Raises:
        ModelUnavailable: it is gone, or the policy's slice has changed since.
        IntegrityError: its pages are not those that were sealed.
    """
    with parts.home.data.read() as tx:
        row = tx.one(COLUMNS + " WHERE version = ?", (version,))
        pages = pages_of(tx, version)
    if row is None:
        raise superseded()
    found = version_of(row)
    check_slice(parts, found)
    return found, unseal(parts, found, pages)
