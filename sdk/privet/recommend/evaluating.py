"""Evaluating behind the gate: lists as of a cut against what came after it.

Whatever is compared with the model (popularity, personal frequency) is fitted on the same
people and the same rows, in the same evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import reduce
from typing import Any

import numpy as np

from privet.errors import InvalidInput
from privet.features.catalogue import Catalogue, Level
from privet.features.items import known_items
from privet.features.rows import of_subjects
from privet.gate import artifact
from privet.gate.parts import Caller, Parts
from privet.gate.read import Released, read
from privet.gate.record import decide
from privet.gate.versions import Version
from privet.recommend.base import Fitted, Recommender
from privet.recommend.beyond import Beyond, beyond
from privet.recommend.codec import unpack
from privet.recommend.history import Histories, History
from privet.recommend.intervals import bootstrap
from privet.recommend.metrics import NAN, PerPerson, Quality, per_person
from privet.recommend.personal import PersonalFrequency
from privet.recommend.popularity import Popularity
from privet.recommend.split import TASKS, Task, Truth, entries_of, join, lists
from privet.recommend.state import Contributions
from privet.recommend.training import check_purpose, day_of, recommender_of
from privet.types import Events

LIST = 10
MOST = 100
COLD_VISITS = 5
"""Who was there fewer times before the cut counts as cold."""
MODEL = "model"


@dataclass(frozen=True, slots=True)
class Measured:
    """How good one model's lists are at one task.

    Attributes:
        quality: the means over everybody with something held out; 0 people and NaN where
            these are fewer than the purpose's least cohort.
        intervals: measure to the bounds of its mean, bootstrapped at 95 %; empty for too few.
        beyond: coverage, novelty, serendipity, popularity bias.
        worst_decile: mean nDCG of the tenth of people whom it serves worst; None where a
            tenth is fewer than the purpose's least cohort.
        cold: the means over those with fewer than five visits before the cut; None where
            these, or all the others, are fewer than the least cohort.
    """

    quality: Quality
    intervals: Mapping[str, tuple[float, float]]
    beyond: Beyond
    worst_decile: float | None
    cold: Quality | None


UNTOLD = Beyond(*[NAN] * len(fields(Beyond)))
"""What is said of the lists of too few people."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a version is on what came after the cut.

    Attributes:
        cut: UTC microseconds; lists saw nothing after it.
        quality: task to its measures at ``k``.
        subjects: how many had a list.
        k: length of a list.
        measured: task to all that was measured, for ``"model"`` and each baseline.
    """

    cut: int
    quality: Mapping[Task, Quality]
    subjects: int
    k: int = LIST
    measured: Mapping[Task, Mapping[str, Measured]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Held:
    """What was known of everybody before the cut, and what each really had after it.

    Attributes:
        cohorts: histories before the cut, chunk by chunk, ascending by subject.
        was: distinct entries before the cut.
        came: distinct entries after it.
        now_day: day number of the cut.
    """

    cohorts: Sequence[Histories]
    was: Truth
    came: Truth
    now_day: int

    def truth(self, task: Task) -> Truth:
        """What counts as a hit."""
        return self.came if task == "repeat" else self.came.without(self.was)

    def visits(self) -> np.ndarray:
        """Visits of each subject before the cut, shape (S,), int64."""
        counts = (len(np.unique(history.visit)) for history in self.histories())
        return np.fromiter(counts, np.int64)

    def histories(self) -> list[History]:
        """The history of each subject before the cut."""
        return [cohort[i] for cohort in self.cohorts for i in range(len(cohort))]

    def people(self) -> np.ndarray:
        """How many people had each entry before the cut, shape (L,), int64."""
        return np.bincount(self.was.entries, minlength=self.was.size)

    def lists(self, fitted: Fitted, k: int) -> dict[Task, np.ndarray]:
        """The lists of everybody, shape (S, k) for each task."""
        ranked = [lists(fitted, cohort, k, self.now_day) for cohort in self.cohorts]
        none = np.zeros((0, k), np.int64)
        return {task: np.concatenate([none, *(r[task] for r in ranked)]) for task in TASKS}

    def learn(self, recommender: Recommender, catalogue: Catalogue, level: Level) -> Fitted:
        """A recommender fitted on these histories alone."""
        kept = self.contributions(recommender)
        state = recommender.fit(len(level), kept, recommender.of_items(catalogue, level))
        return recommender.finish(state, catalogue, level.names)

    def contributions(self, recommender: Recommender) -> Contributions:
        """What each of them adds to a recommender."""
        added = [recommender.contributions(cohort, self.now_day) for cohort in self.cohorts]
        return Contributions.of(one for part in added for one in part or ())


def evaluate(
    parts: Parts,
    caller: Caller,
    purpose: str,
    version: Version,
    cut: int,
    k: int = LIST,
    *,
    baselines: bool = True,
) -> Evaluation:
    """Rank for everybody eligible as of the cut, and compare with what came after it.

    Args:
        parts: the open deployment.
        caller: who evaluates.
        purpose: what the version was trained for.
        version: what is evaluated.
        cut: UTC microseconds.
        k: length of a list, 1 to 100.
        baselines: whether popularity and personal frequency are measured beside it.

    Raises:
        AccessDenied: the policy does not let this caller evaluate.
        InvalidInput: the version was trained on events after the cut, or ``k`` is out of range.
        ModelUnavailable: the version is gone, or of another purpose or policy.
    """
    if type(k) is not int or not 1 <= k <= MOST:
        raise InvalidInput("k is out of range", remedy=f"Ask for 1 to {MOST}.", reason="k.range")
    version = artifact.current(parts, version)  # what the caller holds may be anything
    recommender = recommender_of(version)
    decide(parts, caller, purpose, "evaluate", recommender.needs, at_all=True)
    check_purpose(version, purpose)
    check_cut(version, cut)
    found, state = artifact.load(parts, version.version)
    catalogue = known_items(parts, purpose)
    fitted = unpack(state).finish(catalogue)
    held = gather(parts, caller, purpose, recommender, fitted.level, cut)
    models = {MODEL: fitted}
    if baselines:
        models |= {
            other.kind: held.learn(other, catalogue, fitted.level)
            for other in _baselines(recommender, least_of(parts, purpose))
        }
    measured = measure(models, held, k, least_of(parts, purpose), fitted.level)
    result = Evaluation(
        cut,
        {task: measured[task][MODEL].quality for task in TASKS},
        len(held.was.starts) - 1,
        k,
        measured,
    )
    artifact.evaluated(parts, caller, found, {**_lasting(found), **report(result)})
    return result


def _lasting(version: Version) -> dict[str, Any]:
    """What an evaluation leaves in a version's report: its risk is measured on its own."""
    return {key: value for key, value in version.report.items() if key == "risk"}


def check_cut(version: Version, cut: int) -> None:
    """Refuse to evaluate a version on what it has seen.

    Raises:
        InvalidInput: reason ``evaluate.peeking``.
    """
    if version.spec["until"] > cut:
        raise InvalidInput(
            "a model cannot be evaluated on what it has seen",
            why="it was trained on events after the cut",
            remedy="Train with until= the cut, or evaluate on a later window.",
            reason="evaluate.peeking",
        )


def gather(
    parts: Parts, caller: Caller, purpose: str, recommender: Recommender, level: Level, cut: int
) -> Held:
    """Read what everybody eligible had before a cut and after it."""
    past = read(parts, caller, purpose, "evaluate", recommender.needs, until=cut)
    future = read(
        parts, caller, purpose, "evaluate", recommender.needs, past.warrant.subjects, since=cut
    )
    cohorts, was, came = [], [], []
    for chunks in zip(past.chunks(), future.chunks(), strict=True):
        before, after = _of_both(*chunks)
        cohorts.append(recommender.histories(before, level))
        was.append(entries_of(before[recommender.event], level, item=recommender.item))
        came.append(entries_of(after[recommender.event], level, item=recommender.item))
    size = len(level)
    return Held(cohorts, join(was, size), join(came, size), day_of(parts, cut))


def measure(
    models: Mapping[str, Fitted], held: Held, k: int, least: int, level: Level
) -> dict[Task, dict[str, Measured]]:
    """Measure the lists of each model at each task; of fewer than ``least`` people only means."""
    cold = held.visits() < COLD_VISITS
    people = held.people()
    truths = {task: held.truth(task) for task in TASKS}
    measured: dict[Task, dict[str, Measured]] = {task: {} for task in TASKS}
    for name, fitted in models.items():
        for task, rows in held.lists(fitted, k).items():
            truth = truths[task]
            scored = per_person(rows, truth)
            if len(scored) < max(least, 1):
                measured[task][name] = Measured(scored.mean(), {}, UNTOLD, None, None)
                continue
            measured[task][name] = Measured(
                quality=scored.mean(),
                intervals={m: bootstrap(values) for m, values in scored.values.items()},
                beyond=beyond(
                    rows,
                    truth.entries,
                    scored,
                    people=people,
                    subjects=len(held.was.starts) - 1,
                    candidates=level.candidates,
                ),
                worst_decile=worst_decile(scored.values["ndcg"], least),
                cold=_part(scored, cold[scored.position], least),
            )
    return measured


def worst_decile(ndcg: np.ndarray, least: int) -> float | None:
    """The mean of the worst tenth; None where that is fewer than ``least`` people."""
    tenth = len(ndcg) // 10
    return None if tenth < max(least, 1) else float(np.sort(ndcg)[:tenth].mean())


def _part(scored: PerPerson, chosen: np.ndarray, least: int) -> Quality | None:
    """The means over some; None where they, or the others, are too few to speak of.

    The others count too: the figures of all and of some give those of the rest.
    """
    count = int(chosen.sum())
    others = len(chosen) - count
    if count < max(least, 1) or 0 < others < least:
        return None
    return Quality(count, **{m: float(v[chosen].mean()) for m, v in scored.values.items()})


def _baselines(recommender: Recommender, least: int) -> tuple[Recommender, ...]:
    same: dict[str, Any] = {
        "event": recommender.event,
        "item": recommender.item,
        "by": recommender.by,
        "least": least,
    }
    # The histories are those of the model: by its own visits, whatever tells them apart.
    return Popularity(**same), PersonalFrequency(basket=None, **same)


def least_of(parts: Parts, purpose: str) -> int:
    """The least number of people behind a figure of this purpose; 1 where nothing is said."""
    rules = parts.policy.purposes[purpose].models if purpose in parts.policy.purposes else None
    return 1 if rules is None else max(rules.least, 1)


def _of_both(
    before: Released, after: Released
) -> tuple[Mapping[str, Events], Mapping[str, Events]]:
    """The rows of those who are in both: somebody may have left between the two reads."""
    every = [e.subjects for part in (before, after) for e in part.events.values()]
    subjects = reduce(np.intersect1d, every)
    first, second = (
        {name: of_subjects(events, subjects) for name, events in part.events.items()}
        for part in (before, after)
    )
    return first, second


def report(result: Evaluation) -> dict[str, Any]:
    """An evaluation as plain data, JSON as RFC 8259 has it: what does not exist is None."""
    whole: dict[str, Any] = {
        "cut": result.cut,
        "k": result.k,
        "subjects": result.subjects,
        **{task: asdict(q) for task, q in result.quality.items()},
        "measured": {
            task: {name: asdict(m) for name, m in models.items()}
            for task, models in result.measured.items()
        },
    }
    plain: dict[str, Any] = _plain(whole)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124
