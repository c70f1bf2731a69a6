"""Many answers kept elsewhere, taken in: a chunk of people at a time, each chunk at once.

For whom nothing was said before, all that an import says of her is a sheet: one leaf of the log
for what one action covers, one row of the ledger and one of the
grounds. Whoever was heard before goes through the same door as a single answer. A chunk is
recorded whole or not at all, and what was recorded is passed over when the same is imported
again, so that an import which was cut off is run again.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple

from privet.audit import Form
from privet.clock import DAY_US
from privet.consent import GIVING, IMPORTED, Heard, Said, Shared, Sheet, sheet
from privet.gate import provenance
from privet.gate.answerable import Texts
from privet.gate.catchup import catch_up, come_abreast, fenced_among
from privet.gate.duty import MOST
from privet.gate.forget import settle
from privet.gate.grounds import change
from privet.gate.importable import Answers, Told
from privet.gate.judging import tagged
from privet.gate.parts import IDENTITY, IDENTITY_EVENT, Caller, Parts
from privet.gate.private import seal_private
from privet.gate.record import entry, perform
from privet.gate.wishes import ACTION_OF, EVERYTHING, Proof, Wish
from privet.types import CONSENT, Id

PEOPLE: Final = 8192
"""In one chunk: bounds memory, and how long a withdrawal waits for the ledger."""

NUMBERED: Final = 16 * PEOPLE
"""People who get their ordinals at once: the index of ids is then written page by page."""

ENDING: Final = frozenset({"no", "withdrawn", "ended", "objected", "opted-out"})


def take_in(parts: Parts, caller: Caller, answers: Answers, proof: Proof) -> int | None:
    """Record answers that were checked and may be recorded; people who were erased are passed over.

    Returns:
        How many were new; None where all of them were recorded already.
    """
    proof = replace(proof, details={**proof.details, "import": answers.digest()})
    taking = _Taking(parts, caller, answers.topics, proof)
    done, people, seen, numbered = 0, 0, 0, 0
    numbers: dict[Id, int] = {}
    for ids, told in answers.chunks(PEOPLE):
        seen += len(ids)
        while numbered < seen:
            numbers |= _numbered(parts, answers.ids[numbered : numbered + NUMBERED])
            numbered += NUMBERED
        known = {i: sno for i in ids if (sno := numbers.pop(i, None)) is not None}
        by_sno = {known[i]: (i, mine) for i, mine in zip(ids, told, strict=True) if i in known}
        with _uncollected():
            done += taking.chunk(by_sno)
        people += len(by_sno)
    return None if people and not done else done


def _numbered(parts: Parts, ids: Sequence[Id]) -> dict[Id, int]:
    """Ordinals of those who are not kept out; numbers ahead of their leaves harm nobody."""
    snos, _ = parts.subjects.enrol(ids)
    return {i: sno for i, sno in zip(ids, snos, strict=True) if sno is not None}


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
    """A purpose and what is said of it.

    Attributes:
        purpose: the purpose.
        kind: what is said, without that it was said elsewhere.
        giving: whether that gives a consent.
        action: the permit that it needs.
        ends: whether it ends what may have stood without any word of hers.
    """

    purpose: str
    kind: str
    giving: bool
    action: str
    ends: bool


class _Pile(NamedTuple):
    """What stands on one sheet: the permit that it needs, what it shares, which things said."""

    action: str
    shared: Shared
    places: list[int]


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
        # A permission must be shown (Art. 7(1)): its evidence is there before it counts.
        self._commitment = provenance.keep(parts, proof.details)
        with parts.home.data.read() as tx:
            self._texts = Texts(parts.ledger.notices(tx), proof.notice)
        bases = {name: spec.basis for name, spec in parts.policy.purposes.items()}
        self._topics = [
            _Topic(
                purpose,
                kind,
                kind in GIVING,
                ACTION_OF[kind],
                kind in ENDING and bases[purpose] != "consent",
            )
            for purpose, kind in topics
        ]
        self._forms: dict[str, Form] = {}
        self._lasts: dict[tuple[str, int], int | None] = {}
        self._cut = lru_cache(maxsize=1024)(self._piles)  # people say much the same

    def chunk(self, people: Mapping[int, tuple[Id, Told]]) -> int:
        """Record what some people told, by their ordinals; how many changes."""
        if not people:
            return 0
        parts = self._parts
        come_abreast(parts)
        with parts.home.data.read() as tx:
            parts.check_policy(tx)
            heard = parts.ledger.heard(tx, list(people))
            out = fenced_among(tx, set(people))
        first: dict[int, Told] = {}
        again: list[tuple[int, Told]] = []
        for sno, (_, told) in people.items():
            before = heard.get(sno, {})
            mine = self._not_yet(told, before)
            if not mine or sno in out:  # whose erasure has begun is passed over as well
                continue
            if any(self._topics[topic].purpose in before for topic, _, _ in mine):
                again.append((sno, mine))
            else:
                first[sno] = mine
        done = self._again(again)
        new = {sno: people[sno][0] for sno in first if sno not in heard}
        return done + self._first(first, new)

    def _not_yet(self, told: Told, before: Heard) -> Told:
        """What of it is not recorded, each once."""
        if not before:
            return list(dict.fromkeys(told))
        found = []
        for one in dict.fromkeys(told):
            about = self._topics[one[0]]
            if (IMPORTED + about.kind, one[1]) not in before.get(about.purpose, ()):
                found.append(one)
        return found

    def _again(self, told: Sequence[tuple[int, Told]]) -> int:
        """Those who spoke of these purposes before: through the usual door."""
        if not told:
            return 0
        wishes = []
        for sno, mine in told:
            for topic, at, event in mine:
                about = self._topics[topic]
                wish = Wish(about.purpose, about.kind, at, event, imported=True)
                wishes.append((sno, wish))
        done = change(self._parts, self._caller, wishes, self._proof)
        self._settle((one.sno, one.purpose) for _, one in done.changes if one.effect in ENDING)
        return len(done.changes)

    def _settle(self, ended: Iterable[tuple[int, str]]) -> None:
        for sno, purpose in sorted(set(ended)):
            settle(self._parts, self._caller, sno, purpose)

    def _first(self, told: Mapping[int, Told], new: Mapping[int, Id]) -> int:
        """Those who never spoke of these purposes; of ``new`` ones nothing was known at all."""
        if not told:
            return 0
        parts, caller = self._parts, self._caller
        self._perform(told)
        if new:
            ids = [(sno, json.dumps(i, ensure_ascii=False)) for sno, i in new.items()]
            seal_private(parts, caller, IDENTITY_EVENT, IDENTITY, "id", ids)
            parts.subjects.secure(new)
        now = parts.now
        sheets: list[Sheet] = []
        records: list[tuple[Form, int, bytes]] = []
        for sno, mine in told.items():
            for action, one in self._sheets(sno, mine, now if sno in new else None):
                sheets.append(one)
                records.append((self._form(action), sno, one.body))
        seqs = parts.log.append_each(records)
        _project(parts, list(zip(seqs, sheets, strict=True)))
        # Nothing can rest on a consent that was never given.
        self._settle(
            (sno, self._topics[topic].purpose)
            for sno, mine in told.items()
            if sno not in new
            for topic, _, _ in mine
            if self._topics[topic].ends
        )
        return sum(len(one.said) for one in sheets) - len(new)

    def _perform(self, told: Mapping[int, Told]) -> None:
        """Look at each person where the policy keeps roles apart by whom they acted on."""
        if not self._parts.policy.duties:
            return
        people = list(told)
        actions = {self._topics[topic].action for mine in told.values() for topic, _, _ in mine}
        for action in sorted(actions):
            for first in range(0, len(people), MOST):
                part = people[first : first + MOST]
                perform(self._parts, self._caller, CONSENT, action, part)

    def _sheets(self, sno: int, told: Told, now: int | None) -> list[tuple[str, Sheet]]:
        """What one person said, a sheet for each action and text that it refers to.

        Of one purpose a later sheet never holds what was said before: another one is begun.

        ``now``: by the first of it she becomes known.
        """
        said: list[Said] = []
        places: list[tuple[int, str]] = []
        events: set[tuple[str, str]] = set()
        for topic, at, event in told:
            purpose, kind, giving, _, _ = self._topics[topic]
            code = ""
            if event:
                if (purpose, event) in events:  # told twice
                    continue
                events.add((purpose, event))
                code = tagged(self._parts, event)
            places.append((topic, self._texts.code(purpose, kind, at, claimed=True)))
            expires = self._expires(purpose, at) if giving else None
            said.append(Said(IMPORTED + kind, purpose, at, -1, expires, code))
        known = [] if now is None else [Said("known", EVERYTHING, now, -1, None, f"known-{sno}")]
        sheets = []
        for action, shared, mine in self._cut(tuple(places)):
            known += [said[n] for n in mine]
            sheets.append((action, sheet(sno, shared, known)))
            known = []
        return sheets

    def _piles(self, places: tuple[tuple[int, str], ...]) -> tuple[_Pile, ...]:
        """Which of the things that somebody says stand on one sheet.

        Args:
            places: the topic of each and the notice that it refers to, in order.
        """
        piles: list[_Pile] = []
        newest: dict[tuple[str, str], int] = {}  # action and text to the last pile of them
        spoken: dict[str, int] = {}  # purpose to the pile in which it was last spoken of
        for n, (topic, notice) in enumerate(places):
            purpose, _, _, action, _ = self._topics[topic]
            number = newest.get((action, notice), -1)
            if number < spoken.get(purpose, 0):
                number = newest[action, notice] = len(piles)
                shared = Shared(notice, self._proof.jurisdiction, self._commitment)
                piles.append(_Pile(action, shared, []))
            spoken[purpose] = number
            piles[number].places.append(n)
        return tuple(piles)

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
