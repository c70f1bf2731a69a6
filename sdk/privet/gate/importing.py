"""Many answers kept elsewhere, taken in: a chunk of people at a time, each chunk at once.

For whom nothing was said before, all that an import says of her is a sheet: one leaf of the log
for what one action covers, sealed evidence of her own, one row of the ledger and one of the
grounds. Whoever was heard before goes through the same door as a single answer. A chunk is
recorded whole or not at all, and what was recorded is passed over when the same is imported
again, so that an import which was cut off is run again.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, NamedTuple

from privet import crypto
from privet.audit import Form
from privet.clock import DAY_US
from privet.consent import GIVING, IMPORTED, Said, Shared, Sheet, sheet
from privet.gate.answerable import Texts
from privet.gate.forget import settle
from privet.gate.grounds import (
    ACTION_OF,
    EVERYTHING,
    Proof,
    Wish,
    catch_up,
    change,
    come_abreast,
    fenced_among,
    seal_private,
    tagged,
)
from privet.gate.importable import Answers, Told
from privet.gate.parts import EVIDENCE, IDENTITY, IDENTITY_EVENT, Caller, Parts
from privet.gate.record import entry
from privet.gate.subject import not_suppressed
from privet.types import CONSENT, Id

PEOPLE: Final = 8192
"""In one chunk: bounds memory, and how long a withdrawal waits for the ledger."""

ENDING: Final = frozenset({"no", "withdrawn", "ended", "objected", "opted-out"})


def take_in(parts: Parts, caller: Caller, answers: Answers, proof: Proof) -> int | None:
    """Record answers that were checked and may be recorded; people who were erased are passed over.

    Returns:
        How many were new; None where all of them were recorded already.

    Raises:
        Erased: an erasure of one of them has begun; her chunk was not recorded.
    """
    proof = replace(proof, details={**proof.details, "import": answers.digest()})
    taking = _Taking(parts, caller, answers.topics, proof)
    done, people = 0, 0
    for ids, told in answers.chunks(PEOPLE):
        with _uncollected():
            new, of = taking.chunk(ids, told)
        done, people = done + new, people + of
    return None if people and not done else done


def check_texts(parts: Parts, answers: Answers, notice: str) -> None:
    """Refuse a 'yes' to a text that was not live when it was given.

    Raises:
        InvalidInput: see ``privet.gate.answerable.Texts``.
    """
    with parts.home.data.read() as tx:
        known = parts.ledger.notices(tx)
    if not known:
        return
    texts = Texts(known, notice)
    for topic, at in zip(answers.topic.tolist(), answers.at.tolist(), strict=True):
        purpose, kind = answers.topics[topic]
        texts.code(purpose, kind, at, claimed=True)


class _Topic(NamedTuple):
    """A purpose, what is said of it, whether that gives a consent, and the permit it needs."""

    purpose: str
    kind: str
    giving: bool
    action: str


class _Taking:
    """One import: what all of its chunks have in common."""

    def __init__(
        self,
        parts: Parts,
        caller: Caller,
        topics: Sequence[tuple[str, str]],
        proof: Proof,
    ) -> None:
        self._parts = parts
        self._caller = caller
        self._proof = proof
        self._details = json.dumps(
            {"salt": os.urandom(16).hex(), **proof.details}, sort_keys=True, ensure_ascii=False
        )
        self._commitment = crypto.sha256(self._details.encode()).hex()
        with parts.home.data.read() as tx:
            self._texts = Texts(parts.ledger.notices(tx), proof.notice)
        self._topics = [
            _Topic(purpose, kind, kind in GIVING, ACTION_OF[kind]) for purpose, kind in topics
        ]
        self._forms: dict[str, Form] = {}
        self._lasts: dict[tuple[str, int], int | None] = {}

    def chunk(self, ids: Sequence[Id], told: Sequence[Told]) -> tuple[int, int]:
        """Record what some people told; how many changes, and of how many it might be."""
        parts = self._parts
        by_id = dict(zip(ids, told, strict=True))
        kept = not_suppressed(parts, ids)
        if not kept:
            return 0, 0
        snos, _ = parts.subjects.enrol(kept)
        # Whoever was erased in between is passed over as well.
        people = {sno: i for sno, i in zip(snos, kept, strict=True) if sno is not None}
        come_abreast(parts)
        with parts.home.data.read() as tx:
            parts.check_policy(tx)
            new = parts.ledger.silent(tx, list(people))
        known = [sno for sno in people if sno not in new]
        done = self._again(known, [by_id[people[sno]] for sno in known])
        fresh = {sno: i for sno, i in people.items() if sno in new}
        return done + self._first(fresh, [by_id[i] for i in fresh.values()]), len(people)

    def _again(self, snos: Sequence[int], told: Sequence[Told]) -> int:
        """Those who were heard before: what they did not say yet, through the usual door."""
        if not snos:
            return 0
        parts, caller = self._parts, self._caller
        with parts.home.data.read() as tx:
            heard = parts.ledger.heard(tx, snos)
        wishes = []
        for sno, mine in zip(snos, told, strict=True):
            for topic, at, event in dict.fromkeys(mine):
                about = self._topics[topic]
                if (sno, about.purpose, IMPORTED + about.kind, at) not in heard:
                    wish = Wish(about.purpose, about.kind, at, event, imported=True)
                    wishes.append((sno, wish))
        done = change(parts, caller, wishes, self._proof)
        ended = {(one.sno, one.purpose) for _, one in done.changes if one.effect in ENDING}
        for sno, purpose in sorted(ended):
            settle(parts, caller, sno, purpose)
        return len(done.changes)

    def _first(self, people: Mapping[int, Id], told: Sequence[Told]) -> int:
        """Those of whom nothing was said before; nothing rests on what they refuse."""
        if not people:
            return 0
        parts, caller = self._parts, self._caller
        ids = [(sno, json.dumps(i, ensure_ascii=False)) for sno, i in people.items()]
        seal_private(parts, caller, IDENTITY_EVENT, IDENTITY, "id", ids)
        # A permission must be shown (Art. 7(1)): its evidence is there before it counts.
        evidence = [(sno, self._details) for sno in people]
        seal_private(parts, caller, EVIDENCE, EVIDENCE, "details", evidence)
        now = parts.now
        sheets: list[Sheet] = []
        records: list[tuple[Form, int, bytes]] = []
        for sno, mine in zip(people, told, strict=True):
            for action, one in self._sheets(sno, mine, now):
                sheets.append(one)
                records.append((self._form(action), sno, one.body))
        seqs = parts.log.append_each(records)
        _project(parts, list(zip(seqs, sheets, strict=True)))
        return sum(len(one.said) for one in sheets) - len(people)

    def _sheets(self, sno: int, told: Told, now: int) -> list[tuple[str, Sheet]]:
        """What one person said, a sheet for each action and text that it refers to."""
        # By the first of it she becomes known.
        first = [Said("known", EVERYTHING, now, -1, None, f"known-{sno}")]
        piles: dict[tuple[str, str], list[Said]] = {}
        events: set[tuple[str, str]] = set()
        for topic, at, event in dict.fromkeys(told):
            purpose, kind, giving, action = self._topics[topic]
            code = ""
            if event:
                if (purpose, event) in events:  # told twice
                    continue
                events.add((purpose, event))
                code = tagged(self._parts, event)
            notice = self._texts.code(purpose, kind, at, claimed=True)
            expires = self._expires(purpose, at) if giving else None
            pile = piles.get((action, notice))
            if pile is None:
                pile = piles[action, notice] = first
                first = []
            pile.append(Said(IMPORTED + kind, purpose, at, -1, expires, code))
        place, commitment = self._proof.jurisdiction, self._commitment
        return [
            (action, sheet(sno, Shared(notice, place, commitment), pile))
            for (action, notice), pile in piles.items()
        ]

    def _expires(self, purpose: str, at: int) -> int | None:
        """When a yes lapses; of an unknown place, what lapses first."""
        day = at // DAY_US
        key = purpose, day
        if key not in self._lasts:
            begin = day * DAY_US  # a period moves every instant of a UTC day by as much
            spec = self._parts.policy.purposes[purpose]
            ends = [p.after(begin) - begin for p in spec.renewals(self._proof.jurisdiction)]
            self._lasts[key] = min(ends, default=None)
        lasts = self._lasts[key]
        return None if lasts is None else at + lasts

    def _form(self, action: str) -> Form:
        if action not in self._forms:
            made = entry(self._parts, self._caller, "ground", purpose=CONSENT, action=action)
            self._forms[action] = Form(made.body, "ground")
        return self._forms[action]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without searches for cycles: a chunk makes very many objects, and no cycle of them."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _project(parts: Parts, sheets: Sequence[tuple[int, Sheet]]) -> None:
    """Bring the ledger up to these leaves, and to older ones of others that it lacks."""
    first, last = sheets[0][0], sheets[-1][0]
    with parts.home.data.write() as tx:
        parts.ledger.lock(tx)
        position = parts.ledger.position(tx)
        abreast = next(parts.log.redo(position, first - 1), None) is None
        if abreast and position < first:
            fenced = fenced_among(tx, {one.sno for _, one in sheets})
            parts.ledger.take_in(tx, [pair for pair in sheets if pair[1].sno not in fenced])
            parts.ledger.advance(tx, last)
    if not abreast:
        catch_up(parts, last)
