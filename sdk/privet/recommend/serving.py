"""Recommendations at request time, from what was recorded a moment ago.

Without a ground the answer is the non-personal list, and says so: no cell is opened
and no record names the person. With one, the model's epoch is read in the snapshot of
the cells themselves; a list made with an older model is not released.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from pyroaring import BitMap

from privet.errors import AccessDenied, ConsentMissing, Erased, Objected
from privet.gate import artifact
from privet.gate.parts import Caller, Parts
from privet.gate.read import Reading, Released, Snapshot, read
from privet.gate.record import WHY, count, decide, may
from privet.policy import Ask
from privet.recommend import mapping
from privet.recommend.general import allowed_in, best_of, general, in_time, listed
from privet.recommend.mapping import (
    ATTEMPTS,
    QUARANTINED,
    Serving,
    at_epoch,
    at_hand,
    moving,
    quarantined,
    usable,
)
from privet.recommend.picks import Pick, Picks
from privet.recommend.reasons import because
from privet.recommend.request import Request
from privet.recommend.training import day_of

NO_POLICY = frozenset({"policy.replaced", "policy.file-changed"})


def recommend(
    parts: Parts, caller: Caller, purpose: str, ids: Sequence[str | int], asked: Request
) -> dict[str | int, Picks]:
    """A list for each id: one subject and many by the same code, one audit record.

    Args:
        parts: the open deployment.
        caller: who asks.
        purpose: why.
        ids: external ids; each gets an answer, known or not.
        asked: what is asked of the lists.

    Raises:
        AccessDenied: the policy does not let this caller recommend.
        InvalidInput: what is asked cannot be satisfied; see ``Request``.
        AuditUnavailable: the record did not become durable; nothing was opened.
    """
    asked.check()
    if quarantined(parts, purpose):
        decide(parts, caller, purpose, "recommend", (), at_all=True)
        count(parts, caller, purpose, "recommend", len(ids))
        return dict.fromkeys(ids, listed(parts, purpose, asked, QUARANTINED))
    serving = at_hand(parts, purpose, asked.model)
    for _ in range(ATTEMPTS):
        if isinstance(serving, str):
            decide(parts, caller, purpose, "recommend", (), at_all=True)
            count(parts, caller, purpose, "recommend", len(ids))
            return _all_general(parts, purpose, ids, asked, serving)
        who = dict(zip(ids, parts.subjects.find(ids), strict=True))
        try:
            reading = _read(parts, caller, purpose, serving, who, asked)
        except (ConsentMissing, Objected, Erased) as refusal:
            count(parts, caller, purpose, "recommend", len(ids))
            return _all_general(parts, purpose, ids, asked, refusal.why)
        except (_Moved, AccessDenied) as stopped:
            if isinstance(stopped, AccessDenied) and stopped.reason in NO_POLICY:
                raise  # under a policy that does not hold any more nobody gets any list
            was, serving = serving, usable(parts, purpose, asked.model)
            if serving is was and isinstance(stopped, AccessDenied):
                needs = frozenset(was.recommender.needs)
                if not may(parts, caller, Ask(caller.roles, purpose, "recommend", needs)):
                    raise
                # It may be done, only not for these people: a rule on age or place.
                count(parts, caller, purpose, "recommend", len(ids))
                return _all_general(parts, purpose, ids, asked, stopped.why)
        else:
            return _answers(parts, caller, purpose, reading, serving, who, asked)
    raise moving()


class _Moved(Exception):
    """Another model serves, or another catalogue holds, than this process has mapped."""


def _read(
    parts: Parts,
    caller: Caller,
    purpose: str,
    serving: Serving,
    who: Mapping[str | int, int | None],
    asked: Request,
) -> Reading:
    """R1 to R3, with the mapped model compared in the snapshot of R2."""

    def look(tx: Snapshot, marks: Mapping[str, bytes]) -> None:
        if not serving.stands(tx, marks, purpose, asked.model):
            raise _Moved

    return read(
        parts,
        caller,
        purpose,
        "recommend",
        serving.recommender.needs,
        {sno for sno in who.values() if sno is not None},
        until=asked.until,
        counted=True,
        look=look,
    )


def _answers(
    parts: Parts,
    caller: Caller,
    purpose: str,
    reading: Reading,
    serving: Serving,
    who: Mapping[str | int, int | None],
    asked: Request,
) -> dict[str | int, Picks]:
    """R4 and R5, and a list for each id; the general one for those without their own."""
    for _ in range(ATTEMPTS):
        began = time.monotonic()
        lists = dict(_personal(parts, purpose, reading, serving, asked))
        # An empty personal list is an answer too; the general one is for those without any.
        other = (
            None
            if lists.keys() >= set(who.values())
            else general(parts, purpose, asked, WHY["ground.missing"])
        )
        at_once = mapping.timely(began) and not reading.in_pieces
        if at_once or _confirmed(parts, purpose, reading, lists, other):
            answers = {i: other if sno is None else lists.get(sno, other) for i, sno in who.items()}
            found = {i: picks for i, picks in answers.items() if picks is not None}
            if len(found) < len(who):  # somebody left at the last look: once more
                continue
            others = sum(not picks.personal for picks in found.values())
            if others:
                count(parts, caller, purpose, "recommend", others)
            return found
    raise moving()


def _all_general(
    parts: Parts, purpose: str, ids: Sequence[str | int], asked: Request, why: str
) -> dict[str | int, Picks]:
    return dict.fromkeys(ids, in_time(parts, purpose, lambda: general(parts, purpose, asked, why)))


def _confirmed(
    parts: Parts, purpose: str, reading: Reading, lists: dict[int, Picks], other: Picks | None
) -> bool:
    """Look once more before lists go out that took long to make; whoever left is taken out."""
    now = reading.again()
    began = time.monotonic()
    with parts.home.data.read() as tx:
        still = now.still(tx, BitMap(lists))
    for sno in lists.keys() - set(still):
        del lists[sno]
    used = {picks.version for picks in (*lists.values(), other) if picks is not None}
    return mapping.served(parts, purpose, used) and mapping.timely(began)


def _personal(
    parts: Parts, purpose: str, reading: Reading, serving: Serving, asked: Request
) -> Iterator[tuple[int, Picks]]:
    def epoch(tx: Snapshot) -> tuple[str, artifact.Live] | None:
        return artifact.live(tx, purpose, serving.name)

    for chunk in reading.slices():
        for _ in range(ATTEMPTS):
            try:
                released = reading.open(chunk, epoch)
            except (ConsentMissing, Objected, Erased):
                break  # her ground ended after R2: the general list answers
            if released.inspected is None:
                break
            if released.inspected[1] != serving.live:
                serving = at_epoch(parts, purpose, *released.inspected)
                continue
            yield from _lists(parts, released, reading.record, serving, asked)
            break
        else:
            raise moving()


def _lists(
    parts: Parts, released: Released, record: int, serving: Serving, asked: Request
) -> Iterator[tuple[int, Picks]]:
    fitted = serving.fitted
    cohort = serving.recommender.histories(released.events, fitted.level.of_age(asked.age))
    now_day = day_of(parts, asked.until if asked.until is not None else parts.now)
    allowed = allowed_in(parts, fitted.level, asked)
    for position, sno in enumerate(cohort.subjects):
        history = cohort[position]
        scores = fitted.score(history, now_day)
        own = allowed
        if asked.unseen:
            own = allowed.copy()
            own[history.index] = False
        top = best_of(parts, fitted.level, scores, asked, own)
        picks = tuple(
            Pick(f"{record}-{rank}", fitted.level.names[i], float(scores[i]), because(reason))
            for rank, (i, reason) in enumerate(
                zip(top, fitted.reasons(history, top), strict=True), 1
            )
        )
        yield int(sno), Picks(True, "", record, serving.live.version, picks)
