"""Models are personal data: sealed, bound to their purpose, and able to forget.

A training begins a *lineage*; every version of it is a sum of the contributions kept
for that lineage. A removal subtracts the kept contributions and makes a new version
under a new key; the old version's key is destroyed. Publishing follows one rule:
bytes first, then one short transaction that compares the epochs of the grounds with
those that were narrowed by, and begins again where a ground ended meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NoReturn

from pyroaring import BitMap

from privet.crypto import Aead
from privet.db import Tx
from privet.errors import IntegrityError, ModelUnavailable
from privet.gate.parts import Caller, Parts
from privet.gate.record import entry
from privet.policy import Decision
from privet.types import FORGETTING, Warrant

PAGE = 1 << 20
BATCH = 4096  # contributions held in memory at once where a state is summed anew
ATTEMPTS = 20
LEASE_US = 6 * 3600 * 1_000_000
_AD = struct.Struct(">12s16sQQII")


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
class Live:
    """Which version serves, and its epoch."""

    version: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Removed:
    """A model before and after people were taken out of it."""

    purpose: str
    name: str
    before: str
    after: str
    at: int


@dataclass(frozen=True, slots=True)
class Training:
    """A registered run that may publish one model version."""

    model: int
    lineage: int
    name: str
    purpose: str
    spec: Mapping[str, Any]
    subjects: BitMap = field(default_factory=BitMap)

    @property
    def run(self) -> str:
        """Key of the run in the store."""
        return f"{self.model}.{self.lineage}"

    @property
    def label(self) -> bytes:
        """What its contributions are bound to besides their subject."""
        return contribution_label(self.model, self.lineage)


def contribution_label(model: int, lineage: int) -> bytes:
    """Associated data of a kept contribution."""
    return struct.pack(">12sQQ", b"contribution", model, lineage)


def begin(parts: Parts, purpose: str, name: str, spec: Mapping[str, Any]) -> Training:
    """Register a run before its first chunk."""
    with parts.home.data.write() as tx:
        parts.check_policy(tx)
        row = tx.one("SELECT model FROM model_live WHERE purpose = ? AND name = ?", (purpose, name))
        model = int(row[0]) if row else _next(tx)
        if row is None:
            tx.run(
                "INSERT INTO model_live (purpose, name, model, version, epoch, served) "
                "VALUES (?, ?, ?, 0, 0, 0)",
                (purpose, name, model),
            )
        training = Training(model, _next(tx), name, purpose, dict(spec))
        tx.run(
            "INSERT INTO run (id, purpose, position, policy, lease) VALUES (?, ?, ?, ?, ?)",
            (
                training.run,
                purpose,
                parts.ledger.position(tx),
                parts.policy.hash,
                parts.now + LEASE_US,
            ),
        )
    return training


def keep(
    parts: Parts,
    training: Training,
    warrant: Warrant,
    decision: Decision,
    contributions: Mapping[int, bytes],
) -> BitMap:
    """Seal what each subject adds and store it; those whose ground ended since are left out.

    Returns:
        The subjects whose contributions were kept: only these may be added to the state.

    Raises:
        ModelUnavailable: the run was given up (reason ``model.run-ended``).
    """
    sealed = parts.vault.seal_many(warrant, training.purpose, training.label, contributions)
    with parts.home.data.write() as tx:
        parts.check_policy(tx)
        for purpose in sorted(decision.grounds):
            parts.ledger.epoch(tx, purpose, lock=True)
        if not _stands(tx, training.model, training.lineage):
            raise _ended()
        still = parts.ledger.eligible(tx, decision.grounds, parts.now, BitMap(sealed))
        tx.many(
            "INSERT INTO contribution (sno, model, lineage, ct) VALUES (?, ?, ?, ?)",
            [(sno, training.model, training.lineage, sealed[sno]) for sno in still],
        )
    training.subjects.update(still)
    return still


def publish(
    parts: Parts, caller: Caller, training: Training, decision: Decision, state: bytes
) -> Version:
    """Make the trained version known, without those whose ground ended while it was trained.

    Raises:
        ModelUnavailable: the run was given up, or people kept leaving while it was published.
    """
    subjects = training.subjects
    for _ in range(ATTEMPTS):
        with parts.home.data.read() as tx:
            epochs = _epochs(tx, parts, decision)
            # Who withdrew and agreed again meanwhile has a ground, but nothing kept any more.
            present = subjects & _contributors(tx, training.model, training.lineage)
            still = parts.ledger.eligible(tx, decision.grounds, parts.now, present)
        gone = subjects - still
        if gone:
            fewer = _without(parts, caller, training, state, gone, still)
            if fewer is None:
                continue
            state, subjects = fewer, still
        fresh = _seal(parts, training.model, training.spec, state)
        version = Version(
            model=training.model,
            version=fresh.version,
            lineage=training.lineage,
            name=training.name,
            purpose=training.purpose,
            spec=training.spec,
            digest=fresh.digest,
            slice=parts.policy.slice_hash(training.purpose),
            state="trained",
            subjects=len(subjects),
            created=parts.now,
            deadline=None,
            report={},
        )
        with parts.home.data.write() as tx:
            parts.check_policy(tx)
            unchanged = _epochs(tx, parts, decision, lock=True) == epochs
            if not _stands(tx, training.model, training.lineage, lock=True):
                raise _ended()
            kept = _contributors(tx, training.model, training.lineage) - gone
            if unchanged and kept == subjects:
                tx.run("DELETE FROM run WHERE id = ?", (training.run,))
                _drop_contributions(tx, training.model, training.lineage, gone)
                _insert(tx, version, fresh.pages)
                break
        parts.keys.destroy_model_key(training.model, fresh.version)
    else:
        _give_up(parts, training)
    parts.log.append([_model_entry(parts, caller, "train", version, contributors=version.subjects)])
    return version


def _without(
    parts: Parts,
    caller: Caller,
    summed: Training | Version,
    state: bytes,
    gone: BitMap,
    others: BitMap,
) -> bytes | None:
    """A state without these people: subtracted, or summed anew where her part is destroyed.

    Returns:
        None where one of the others left in the meantime as well.
    """
    kept = _kept(parts, caller, summed.model, summed.lineage, gone)
    if len(kept) == len(gone):
        return parts.unlearn(summed.spec, state, list(kept.values()))
    found: list[int] = []

    def batches() -> Iterator[Sequence[bytes]]:
        people = sorted(others)
        for start in range(0, len(people), BATCH):
            chosen = BitMap(people[start : start + BATCH])
            batch = _kept(parts, caller, summed.model, summed.lineage, chosen)
            found.append(len(batch))
            yield list(batch.values())

    fresh = parts.relearn(summed.spec, state, batches())
    return fresh if sum(found) == len(others) else None


def _give_up(parts: Parts, training: Training) -> NoReturn:
    """End a run that people kept leaving while it was published.

    Raises:
        ModelUnavailable: always (reason ``model.overtaken``).
    """
    with parts.home.data.write() as tx:
        _end_run(tx, training.model, training.lineage)
    raise ModelUnavailable(
        "this training run was overtaken",
        why="people whom it had learned from kept leaving while it was published",
        remedy="Train again.",
        reason="model.overtaken",
    )


def _ended() -> ModelUnavailable:
    return ModelUnavailable(
        "this training run was given up",
        why="its lease passed, or maintenance ended it",
        remedy="Train again.",
        reason="model.run-ended",
    )


def _stands(tx: Tx, model: int, lineage: int, *, lock: bool = False) -> bool:
    """Whether a run may still publish; locked, nobody ends or publishes it before the commit."""
    how = tx.for_update if lock else tx.for_share
    return tx.one("SELECT 1 FROM run WHERE id = ?" + how, (f"{model}.{lineage}",)) is not None


def _end_run(tx: Tx, model: int, lineage: int) -> None:
    tx.run("DELETE FROM run WHERE id = ?", (f"{model}.{lineage}",))
    tx.run("DELETE FROM contribution WHERE model = ? AND lineage = ?", (model, lineage))


def evaluated(parts: Parts, caller: Caller, version: Version, report: Mapping[str, Any]) -> None:
    """Keep the report of an evaluation with the version that it is of."""
    with parts.home.data.write() as tx:
        tx.run(
            "UPDATE model SET report = ?, state = CASE state WHEN 'trained' THEN 'evaluated' "
            "ELSE state END WHERE model = ? AND version = ?",
            (json.dumps(report, sort_keys=True), version.model, version.version),
        )
    parts.log.append([_model_entry(parts, caller, "evaluate", version)])


def serve(parts: Parts, caller: Caller, version: Version) -> None:
    """Put a version live for every worker at its next read; older ones are purged.

    Raises:
        ModelUnavailable: the version is gone, or the policy's slice has changed since.
    """
    _check_slice(parts, version)
    parts.log.append([_model_entry(parts, caller, "serve", version)])
    with parts.home.data.write() as tx:
        parts.check_policy(tx)
        rows = tx.all(
            "SELECT version, lineage FROM model WHERE model = ?" + tx.for_update, (version.model,)
        )
        live = [int(v) for v, lineage in rows if int(lineage) == version.lineage]
        if not live:
            raise _superseded()
        old = [int(v) for v, lineage in rows if int(lineage) < version.lineage]
        tx.run(
            "UPDATE model_live SET version = ?, epoch = epoch + 1, served = ? "
            "WHERE purpose = ? AND name = ?",
            (live[0], _next(tx), version.purpose, version.name),
        )
        tx.run(
            "UPDATE model SET state = 'live' WHERE model = ? AND version = ?",
            (version.model, live[0]),
        )
        for number in old:
            _delete(tx, version.model, number)
        tx.run(
            "DELETE FROM contribution WHERE model = ? AND lineage < ?",
            (version.model, version.lineage),
        )
        # An older run that is still going has lost what it kept: it may not publish.
        for (run,) in tx.all("SELECT id FROM run WHERE purpose = ?", (version.purpose,)):
            model, lineage = map(int, str(run).split("."))
            if model == version.model and lineage < version.lineage:
                _end_run(tx, model, lineage)
    destroy_gone(parts)


def versions(parts: Parts, purpose: str, name: str | None = None) -> list[Version]:
    """All versions of a purpose's models, oldest first."""
    with parts.home.data.read() as tx:
        rows = tx.all(_COLUMNS + " WHERE purpose = ? ORDER BY version", (purpose,))
    found = [_version(row) for row in rows]
    return [v for v in found if name is None or v.name == name]


def current(parts: Parts, version: Version) -> Version:
    """A version as it stands in the store: a removal gives its lineage another number.

    Raises:
        ModelUnavailable: a newer training was served since (reason ``model.superseded``).
    """
    with parts.home.data.read() as tx:
        row = tx.one(
            _COLUMNS + " WHERE model = ? AND lineage = ?", (version.model, version.lineage)
        )
    if row is None:
        raise _superseded()
    return _version(row)


def _superseded() -> ModelUnavailable:
    return ModelUnavailable("this model version is gone", reason="model.superseded")


def _check_slice(parts: Parts, version: Version) -> None:
    if version.slice != parts.policy.slice_hash(version.purpose):
        raise ModelUnavailable(
            "this model was trained under another policy",
            why="what the policy says about its purpose has changed",
            remedy="Train and serve it again.",
            reason="model.policy-changed",
        )


def live(tx: Tx, purpose: str, name: str | None) -> tuple[str, Live] | None:
    """The named model's serving version, or of the purpose's last served one."""
    served = all_live(tx, purpose)
    return next(((n, found) for n, found in served if name in (None, n)), None)


def all_live(tx: Tx, purpose: str) -> list[tuple[str, Live]]:
    """Every serving model of a purpose, the last served first."""
    rows = tx.all(
        "SELECT name, version, epoch FROM model_live WHERE purpose = ? AND version > 0 "
        "ORDER BY served DESC",
        (purpose,),
    )
    return [(str(name), Live(int(version), int(epoch))) for name, version, epoch in rows]


def load(parts: Parts, version: int) -> tuple[Version, bytes]:
    """The state of one version, opened and compared with its digest.

    Raises:
        ModelUnavailable: it is gone, or the policy's slice has changed since.
        IntegrityError: its pages are not those that were sealed.
    """
    with parts.home.data.read() as tx:
        row = tx.one(_COLUMNS + " WHERE version = ?", (version,))
        pages = _pages(tx, version)
    if row is None:
        raise _superseded()
    found = _version(row)
    _check_slice(parts, found)
    return found, _open(parts, found, pages)


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
    done: list[Removed] = []
    for model, lineage in _lineages_of(parts, people, purpose):
        removed = _remove_from(parts, caller, cause, people, model, lineage)
        if removed is not None:
            done.append(removed)
    return done


def removals(parts: Parts, cause: str) -> list[Removed]:
    """What was removed for one cause so far, the oldest first: also before a crash."""
    with parts.home.data.read() as tx:
        rows = tx.all("SELECT detail FROM removal WHERE cause = ? ORDER BY version", (cause,))
    return [Removed(**json.loads(row[0])) for row in rows]


def _remove_from(
    parts: Parts, caller: Caller, cause: str, people: BitMap, model: int, lineage: int
) -> Removed | None:
    for _ in range(ATTEMPTS):
        with parts.home.data.read() as tx:
            row = tx.one(_COLUMNS + " WHERE model = ? AND lineage = ?", (model, lineage))
            pages = _pages(tx, int(row[1])) if row else []
            everybody = _contributors(tx, model, lineage)
        gone = everybody & people
        if not gone:
            return None
        if row is None:  # a run that is not published yet must not find her part any more
            if _drop_unpublished(parts, model, lineage, gone):
                return None
            continue
        old = _version(row)
        state = _without(parts, caller, old, _open(parts, old, pages), gone, everybody - gone)
        if state is None:
            continue
        removed = _replace(parts, caller, cause, old, gone, state)
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
        _stands(tx, model, lineage, lock=True)
        if tx.one("SELECT 1 FROM model WHERE model = ? AND lineage = ?", (model, lineage)):
            return False
        _drop_contributions(tx, model, lineage, gone)
    return True


def _replace(
    parts: Parts, caller: Caller, cause: str, old: Version, gone: BitMap, state: bytes
) -> Removed | None:
    """Publish the state without these people in one transaction with what is kept of them.

    Returns:
        None where another removal came first.
    """
    fresh = _seal(parts, old.model, old.spec, state)
    new = replace(
        old, version=fresh.version, digest=fresh.digest, subjects=old.subjects - len(gone)
    )
    removed = Removed(old.purpose, old.name, old.digest.hex(), new.digest.hex(), parts.now)
    with parts.home.data.write() as tx:
        if first := _delete(tx, old.model, old.version):
            _drop_contributions(tx, old.model, old.lineage, gone)
            _insert(tx, new, fresh.pages)
            tx.run(
                "INSERT INTO removal (cause, model, lineage, version, detail) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (cause, model, lineage) DO UPDATE "
                "SET version = excluded.version, detail = excluded.detail",
                (cause, old.model, old.lineage, new.version, json.dumps(asdict(removed))),
            )
            tx.run(
                "UPDATE model_live SET version = ?, epoch = epoch + 1 "
                "WHERE model = ? AND version = ?",
                (new.version, old.model, old.version),
            )
    if not first:
        parts.keys.destroy_model_key(old.model, fresh.version)
        return None
    destroy_gone(parts)
    parts.log.append([_model_entry(parts, caller, "forget", new, removed=len(gone))])
    return removed


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
            if _delete(tx, model, version):
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
            _end_run(tx, model, lineage)
    return len(late)


@dataclass(frozen=True, slots=True)
class _Sealed:
    version: int
    digest: bytes
    pages: list[tuple[int, bytes]]


def _seal(parts: Parts, model: int, spec: Mapping[str, Any], state: bytes) -> _Sealed:
    with parts.home.data.write() as tx:
        version = _next(tx)
    aead = Aead(parts.keys.model_key(model, version, create=True))
    count = max(1, -(-len(state) // PAGE))
    pages = [
        (
            part,
            aead.seal(
                state[part * PAGE : (part + 1) * PAGE], _ad(parts, model, version, part, count)
            ),
        )
        for part in range(count)
    ]
    return _Sealed(version, digest(spec, state), pages)


def _open(parts: Parts, version: Version, pages: Sequence[tuple[Any, ...]]) -> bytes:
    aead = Aead(parts.keys.model_key(version.model, version.version))
    state = b"".join(
        aead.open(bytes(ct), _ad(parts, version.model, version.version, int(part), len(pages)))
        for part, ct in pages
    )
    if digest(version.spec, state) != version.digest:
        raise IntegrityError("a model's state is not what was published", reason="model.digest")
    return state


def digest(spec: Mapping[str, Any], state: bytes) -> bytes:
    """SHA-256 over kind, parameters and state."""
    head = json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(struct.pack(">I", len(head)) + head + state).digest()


def _ad(parts: Parts, model: int, version: int, part: int, count: int) -> bytes:
    return _AD.pack(b"privet-model", parts.home.deployment, model, version, part, count)


def _kept(
    parts: Parts, caller: Caller, model: int, lineage: int, people: BitMap
) -> dict[int, bytes]:
    """The stored contributions of these people, opened under ``privet:forgetting``."""
    with parts.home.data.read() as tx:
        rows = _contributions(tx, model, lineage, people)
        name = tx.one("SELECT purpose FROM model_live WHERE model = ?", (model,))
    if not rows or name is None:
        return {}
    warrant = parts.log.authorise(
        entry(
            parts, caller, "access", purpose=FORGETTING, action="erase", subjects=rows, model=model
        )
    )
    return parts.vault.open_many(warrant, str(name[0]), contribution_label(model, lineage), rows)


def _contributions(tx: Tx, model: int, lineage: int, people: BitMap) -> dict[int, bytes]:
    sql = "SELECT sno, ct FROM contribution WHERE model = ? AND lineage = ? AND sno BETWEEN ? AND ?"
    if len(people) == 0:
        return {}
    rows = tx.all(sql, (model, lineage, people.min(), people.max()))
    return {int(s): bytes(ct) for s, ct in rows if int(s) in people}


def _contributors(tx: Tx, model: int, lineage: int) -> BitMap:
    rows = tx.all("SELECT sno FROM contribution WHERE model = ? AND lineage = ?", (model, lineage))
    return BitMap([int(row[0]) for row in rows])


def _pages(tx: Tx, version: int) -> list[tuple[Any, ...]]:
    return tx.all("SELECT part, ct FROM model_page WHERE version = ? ORDER BY part", (version,))


def _drop_contributions(tx: Tx, model: int, lineage: int, people: BitMap) -> None:
    tx.many(
        "DELETE FROM contribution WHERE sno = ? AND model = ? AND lineage = ?",
        [(sno, model, lineage) for sno in people],
    )


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


def _epochs(tx: Tx, parts: Parts, decision: Decision, *, lock: bool = False) -> list[int]:
    return [parts.ledger.epoch(tx, p, lock=lock) for p in sorted(decision.grounds)]


def _next(tx: Tx) -> int:
    """The next number for a model, a lineage or a version: one counter, never reused."""
    tx.run(
        "INSERT INTO meta (key, value) VALUES ('next_artifact', ?) ON CONFLICT (key) DO NOTHING",
        (b"1",),
    )
    row = tx.one("SELECT value FROM meta WHERE key = 'next_artifact'" + tx.for_update)
    number = int(bytes(row[0])) if row else 1
    tx.run("UPDATE meta SET value = ? WHERE key = 'next_artifact'", (b"%d" % (number + 1),))
    return number


_COLUMNS = (
    "SELECT model, version, lineage, name, purpose, spec, digest, slice, state, subjects, "
    "created, deadline, report FROM model"
)


def _version(row: tuple[Any, ...]) -> Version:
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


def _insert(tx: Tx, v: Version, pages: Sequence[tuple[int, bytes]]) -> None:
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


def _delete(tx: Tx, model: int, version: int) -> bool:
    """Take a version away and note that its key is to go; False where it is gone already."""
    tx.run("DELETE FROM model_page WHERE model = ? AND version = ?", (model, version))
    if tx.run("DELETE FROM model WHERE model = ? AND version = ?", (model, version)) != 1:
        return False
    tx.run("INSERT INTO model_gone (model, version) VALUES (?, ?)", (model, version))
    return True


def _model_entry(parts: Parts, caller: Caller, action: str, v: Version, **more: Any) -> Any:
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
