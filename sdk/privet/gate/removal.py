"""Taking people out of models: what they added is subtracted, and the old version destroyed.

A removal makes a new version under a new key. Each step finds its own work in the
stores, so that beginning again does what is left and subtracts nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from pyroaring import BitMap

from privet.audit import Entry
from privet.errors import ModelUnavailable
from privet.gate import membership
from privet.gate.parts import Caller, Parts
from privet.gate.publication import ATTEMPTS, end_run, stands, without
from privet.gate.versions import (
    COLUMNS,
    Version,
    binding,
    contributors,
    delete,
    drop_contributions,
    insert,
    model_entry,
    pages_of,
    seal,
    unseal,
    version_of,
)


@dataclass(frozen=True, slots=True)
class Removed:
    """A model before and after people were taken out of it."""

    purpose: str
    name: str
    before: str
    after: str
    at: int


def remove(
    parts: Parts, caller: Caller, cause: str, snos: Iterable[int], purpose: str | None = None
) -> list[Removed]:
    """Subtract what these subjects added, from every model (of one purpose) that holds it.

    Replaying it subtracts nothing twice: the contributions go in the transaction that
    publishes the new version.

    Args:
        parts: the open deployment.
        caller: on whose behalf.
        cause: an erasure's receipt or a withdrawal's mark.
        snos: ordinals.
        purpose: only models of this purpose.
    """
    people = BitMap(snos)
    with parts.home.data.write() as tx:
        membership.drop(tx, people, purpose)
    before = dict.fromkeys(people, cause)
    done: list[Removed] = []
    records: list[Entry] = []
    for model, lineage in _lineages_of(parts, people, purpose):
        removed = _remove_from(parts, caller, before, model, lineage)
        if removed is not None:
            done.append(removed[0])
            records.append(removed[1])
    destroy_gone(parts)
    parts.log.append(records)
    return done


def subtract(parts: Parts, caller: Caller, causes: Mapping[int, str]) -> list[Entry]:
    """Subtract what these subjects added, from every model, and leave the rest to the caller.

    The rest is: to destroy what ``model_gone`` names with the subjects' own keys, and to
    record what is returned.

    Args:
        parts: the open deployment.
        caller: on whose behalf.
        causes: by ordinal, the receipt of her erasure.
    """
    people = BitMap(causes)
    found = [
        _remove_from(parts, caller, causes, model, lineage)
        for model, lineage in _lineages_of(parts, people, None)
    ]
    return [removed[1] for removed in found if removed is not None]


def removals(parts: Parts, cause: str) -> list[Removed]:
    """What was removed for one cause so far, the oldest first: also before a crash."""
    with parts.home.data.read() as tx:
        rows = tx.all("SELECT detail FROM removal WHERE cause = ? ORDER BY version", (cause,))
    return [Removed(**json.loads(row[0])) for row in rows]


def _remove_from(
    parts: Parts, caller: Caller, causes: Mapping[int, str], model: int, lineage: int
) -> tuple[Removed, Entry] | None:
    people = BitMap(causes)
    for _ in range(ATTEMPTS):
        with parts.home.data.read() as tx:
            row = tx.one(COLUMNS + " WHERE model = ? AND lineage = ?", (model, lineage))
            pages = pages_of(tx, int(row[1])) if row else []
            everybody = contributors(tx, model, lineage)
        gone = everybody & people
        if not gone:
            return None
        if row is None:  # a run that is not published yet must not find her part any more
            if _drop_unpublished(parts, model, lineage, gone):
                return None
            continue
        old = version_of(row)
        state = without(parts, caller, old, unseal(parts, old, pages), gone, everybody - gone)
        if state is None:
            continue
        removed = _replace(parts, caller, causes, old, gone, state)
        if removed is not None:
            return removed
    raise ModelUnavailable(
        "a model could not be freed of somebody who left",
        why="it was changed by others each time",
        remedy="Run `privet maintain`, which takes it up again.",
        reason="model.moving",
    )


def _drop_unpublished(parts: Parts, model: int, lineage: int, gone: BitMap) -> bool:
    """Drop what a run has kept of these people; False where it was published meanwhile."""
    with parts.home.data.write() as tx:
        stands(tx, model, lineage, lock=True)
        if tx.one("SELECT 1 FROM model WHERE model = ? AND lineage = ?", (model, lineage)):
            return False
        drop_contributions(tx, model, lineage, gone)
    return True


def _replace(
    parts: Parts,
    caller: Caller,
    causes: Mapping[int, str],
    old: Version,
    gone: BitMap,
    state: bytes,
) -> tuple[Removed, Entry] | None:
    """Publish the state without these people in one transaction with what is kept of them.

    Returns:
        What was removed, and the record of it; None where another removal came first.
    """
    fresh = seal(parts, old.model, binding(old.purpose, old.slice), old.spec, state)
    new = replace(
        old, version=fresh.version, digest=fresh.digest, subjects=old.subjects - len(gone)
    )
    removed = Removed(old.purpose, old.name, old.digest.hex(), new.digest.hex(), parts.now)
    with parts.home.data.write() as tx:
        if first := delete(tx, old.model, old.version):
            drop_contributions(tx, old.model, old.lineage, gone)
            insert(tx, new, fresh.pages)
            told = (old.model, old.lineage, new.version, json.dumps(asdict(removed)))
            tx.many(
                "INSERT INTO removal (cause, model, lineage, version, detail) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (cause, model, lineage) DO UPDATE "
                "SET version = excluded.version, detail = excluded.detail",
                [(cause, *told) for cause in sorted({causes[sno] for sno in gone})],
            )
            tx.run(
                "UPDATE model_live SET version = ?, epoch = epoch + 1 "
                "WHERE model = ? AND version = ?",
                (new.version, old.model, old.version),
            )
    if not first:
        parts.keys.destroy_model_key(old.model, fresh.version)
        return None
    parts.drop_model(old.purpose, old.name)  # in memory, what she added is there still
    return removed, model_entry(parts, caller, "forget", new, removed=len(gone))


def _lineages_of(parts: Parts, people: BitMap, purpose: str | None) -> list[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    with parts.home.data.read() as tx:
        of_purpose = {
            int(r[0])
            for r in tx.all("SELECT model, purpose FROM model_live")
            if purpose in (None, str(r[1]))
        }
        for sno in people:
            rows = tx.all("SELECT model, lineage FROM contribution WHERE sno = ?", (sno,))
            found.update((int(m), int(g)) for m, g in rows if int(m) in of_purpose)
    return sorted(found)


def destroy_gone(parts: Parts) -> int:
    """Destroy the keys of versions that were taken away, also before a crash; how many."""
    with parts.home.data.read() as tx:
        gone = tx.all("SELECT model, version FROM model_gone")
    for model, version in gone:
        parts.keys.destroy_model_key(int(model), int(version))
    if gone:
        with parts.home.data.write() as tx:
            tx.many("DELETE FROM model_gone WHERE model = ? AND version = ?", gone)
    return len(gone)


def drop_unopenable(parts: Parts) -> int:
    """Take away versions that have no key: one store is older than the other; how many."""
    with parts.home.data.read() as tx:
        rows = tx.all("SELECT model, version, lineage FROM model")
    keyed = parts.keys.model_versions()  # read later: a key is made before its version is known
    lost = [row for row in rows if (int(row[0]), int(row[1])) not in keyed]
    for model, version, lineage in lost:
        with parts.home.data.write() as tx:
            if delete(tx, model, version):
                tx.run("DELETE FROM contribution WHERE model = ? AND lineage = ?", (model, lineage))
                tx.run(
                    "UPDATE model_live SET version = 0, epoch = epoch + 1 "
                    "WHERE model = ? AND version = ?",
                    (model, version),
                )
    return len(lost)


def abandon(parts: Parts) -> int:
    """Give up runs whose lease has passed, with what they had kept; the number given up."""
    destroy_gone(parts)
    with parts.home.data.write() as tx:
        late = [str(r[0]) for r in tx.all("SELECT id FROM run WHERE lease < ?", (parts.now,))]
        for run in late:
            model, lineage = map(int, run.split("."))
            end_run(tx, model, lineage)
    return len(late)
