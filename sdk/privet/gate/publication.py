"""Training publishes: bytes first, then one short transaction, or it begins again.

The transaction compares the epochs of the grounds with those that were narrowed by, so
that nobody whose ground ended while a model was trained is in what becomes known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pyroaring import BitMap

from privet.consent import AGES
from privet.db import Tx
from privet.errors import ModelUnavailable
from privet.gate.parts import Caller, Parts
from privet.gate.read import Reading
from privet.gate.record import perform
from privet.gate.versions import (
    Version,
    binding,
    contribution_label,
    contributors,
    drop_contributions,
    insert,
    kept_of,
    model_entry,
    next_number,
    seal,
)
from privet.policy import Decision

BATCH = 4096  # contributions held in memory at once where a state is summed anew
ATTEMPTS = 20
LEASE_US = 6 * 3600 * 1_000_000


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


def begin(parts: Parts, purpose: str, name: str, spec: Mapping[str, Any]) -> Training:
    """Register a run before its first chunk."""
    with parts.home.data.write() as tx:
        parts.check_policy(tx, lock=True)
        row = tx.one("SELECT model FROM model_live WHERE purpose = ? AND name = ?", (purpose, name))
        model = int(row[0]) if row else next_number(tx)
        if row is None:
            tx.run(
                "INSERT INTO model_live (purpose, name, model, version, epoch, served) "
                "VALUES (?, ?, ?, 0, 0, 0)",
                (purpose, name, model),
            )
        training = Training(model, next_number(tx), name, purpose, dict(spec))
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
    reading: Reading,
    contributions: Mapping[int, bytes],
) -> BitMap:
    """Seal what each subject adds and store it; whoever may not be in it any more is left out.

    Returns:
        The subjects whose contributions were kept: only these may be added to the state.

    Raises:
        ModelUnavailable: the run was given up (reason ``model.run-ended``).
    """
    while True:
        still = _kept(parts, training, reading, contributions)
        if still is not None:
            training.subjects.update(still)
            return still


def _kept(
    parts: Parts, training: Training, reading: Reading, contributions: Mapping[int, bytes]
) -> BitMap | None:
    """Whose contributions were stored; None, and none was, where a key was renewed meanwhile."""
    sealed = parts.vault.seal_many(reading.warrant, training.purpose, training.label, contributions)
    with parts.home.data.write() as tx:
        parts.check_policy(tx, lock=True, running=True)
        _epochs(tx, parts, reading.decision, reading, lock=True)
        if not stands(tx, training.model, training.lineage):
            raise _ended()
        still = reading.still(tx, BitMap(sealed))
        if not parts.vault.sealed_now(training.purpose, {sno: sealed[sno] for sno in still}):
            return None
        tx.many(
            "INSERT INTO contribution (sno, model, lineage, ct) VALUES (?, ?, ?, ?)",
            [(sno, training.model, training.lineage, sealed[sno]) for sno in still],
        )
    return still


def publish(
    parts: Parts,
    caller: Caller,
    training: Training,
    decision: Decision,
    state: bytes,
    reading: Reading | None,
) -> Version:
    """Make the trained version known, without those who may not be in it any more.

    Their ground ended while it was trained, or what a rule depends on (their place, their
    age) is not what it was.

    Args:
        parts: the open deployment.
        caller: who trains.
        training: the run.
        decision: what was decided before anybody was known.
        state: what was learned from all whose contributions were kept.
        reading: the read that it learned from; None where it learned from nobody.

    Raises:
        AccessDenied: a rule leaves nobody by now; the run was ended. Or who trains did
            something else with it, which the policy keeps apart.
        ModelUnavailable: the run was given up, or people kept leaving while it was published.
    """
    perform(parts, caller, training.purpose, "train", version=training.run)
    subjects = training.subjects
    for _ in range(ATTEMPTS):
        epochs, still = _narrowed(parts, training, decision, reading, subjects)
        gone = subjects - still
        if gone:
            fewer = without(parts, caller, training, state, gone, still)
            if fewer is None:
                continue
            state, subjects = fewer, still
        part_of_policy = parts.policy.slice_hash(training.purpose)
        bound = binding(training.purpose, part_of_policy)
        fresh = seal(parts, training.model, bound, training.spec, state)
        version = Version(
            model=training.model,
            version=fresh.version,
            lineage=training.lineage,
            name=training.name,
            purpose=training.purpose,
            spec=training.spec,
            digest=fresh.digest,
            slice=part_of_policy,
            state="trained",
            subjects=len(subjects),
            created=parts.now,
            deadline=None,
            report={},
        )
        # Before it is there: a record may name a version that was not published after all.
        parts.log.append(
            [model_entry(parts, caller, "train", version, contributors=version.subjects)]
        )
        with parts.home.data.write() as tx:
            parts.check_policy(tx, lock=True, running=True)
            unchanged = _epochs(tx, parts, decision, reading, lock=True) == epochs
            if not stands(tx, training.model, training.lineage, lock=True):
                raise _ended()
            kept = contributors(tx, training.model, training.lineage) - gone
            if unchanged and kept == subjects:
                tx.run("DELETE FROM run WHERE id = ?", (training.run,))
                drop_contributions(tx, training.model, training.lineage, gone)
                insert(tx, version, fresh.pages)
                break
        parts.keys.destroy_model_key(training.model, fresh.version)
    else:
        _give_up(parts, training)
    return version


def without(
    parts: Parts,
    caller: Caller,
    summed: Training | Version,
    state: bytes,
    gone: BitMap,
    others: BitMap,
) -> bytes | None:
    """A state without these people: subtracted, or made anew of what the others added.

    Anew where the part of one of them is destroyed already, or the kind cannot subtract.

    Returns:
        None where one of the others left in the meantime as well.
    """
    kept = kept_of(parts, caller, summed.model, summed.lineage, gone)
    if len(kept) == len(gone):
        fewer = parts.unlearn(summed.spec, state, list(kept.values()))
        if fewer is not None:
            return fewer
    found: list[int] = []

    def batches() -> Iterator[Sequence[bytes]]:
        people = sorted(others)
        for start in range(0, len(people), BATCH):
            chosen = BitMap(people[start : start + BATCH])
            batch = kept_of(parts, caller, summed.model, summed.lineage, chosen)
            found.append(len(batch))
            yield [batch[sno] for sno in sorted(batch)]  # ascending, as when it was trained

    fresh = parts.relearn(summed.spec, state, batches())
    return fresh if sum(found) == len(others) else None


def _give_up(parts: Parts, training: Training) -> NoReturn:
    """End a run that people kept leaving while it was published.

    Raises:
        ModelUnavailable: always (reason ``model.overtaken``).
    """
    abandon(parts, training)
    raise ModelUnavailable(
        "this training run was overtaken",
        why="people whom it had learned from kept leaving while it was published",
        remedy="Train again.",
        reason="model.overtaken",
    )


def abandon(parts: Parts, training: Training) -> None:
    """End a run that is not to be published, with what it had kept."""
    with parts.home.data.write() as tx:
        end_run(tx, training.model, training.lineage)


def _ended() -> ModelUnavailable:
    return ModelUnavailable(
        "this training run was given up",
        why="its lease passed, or maintenance ended it",
        remedy="Train again.",
        reason="model.run-ended",
    )


def _narrowed(
    parts: Parts,
    training: Training,
    decision: Decision,
    reading: Reading | None,
    subjects: BitMap,
) -> tuple[list[int], BitMap]:
    """What to compare before the commit, and who may be in it by now.

    A run that a rule leaves nobody of is ended, and refused with the rule's reason.
    """
    with parts.home.data.read() as tx:
        # Before ages are read: whoever tells one after this makes it begin again.
        epochs = _epochs(tx, parts, decision, reading)
    if reading is None:
        return epochs, subjects
    now = reading.again()
    with parts.home.data.read() as tx:
        # Who withdrew and agreed again meanwhile has a ground, but nothing kept any more.
        present = subjects & contributors(tx, training.model, training.lineage)
        grounded = parts.ledger.eligible(tx, decision.grounds, parts.now, present)
        still = now.still(tx, present)
    if grounded and not still:
        abandon(parts, training)
        with parts.home.data.read() as tx:
            now.refuse_all(tx, grounded)
    return epochs, still


def _epochs(
    tx: Tx, parts: Parts, decision: Decision, reading: Reading | None, *, lock: bool = False
) -> list[int]:
    """How often grounds changed, and ages where a rule depends on them, in the order of rows."""
    by_age = reading is not None and reading.conditions is not None and reading.conditions.by_age
    names = {*decision.grounds, AGES} if by_age else decision.grounds
    return [parts.ledger.epoch(tx, name, lock=lock) for name in sorted(names)]


def stands(tx: Tx, model: int, lineage: int, *, lock: bool = False) -> bool:
    """Whether a run may still publish; locked, nobody ends or publishes it before the commit."""
    how = tx.for_update if lock else tx.for_share
    return tx.one("SELECT 1 FROM run WHERE id = ?" + how, (f"{model}.{lineage}",)) is not None


def end_run(tx: Tx, model: int, lineage: int) -> None:
    """End a run that has not published, with what it had kept."""
    tx.run("DELETE FROM run WHERE id = ?", (f"{model}.{lineage}",))
    tx.run("DELETE FROM contribution WHERE model = ? AND lineage = ?", (model, lineage))
