"""Eligibility of one is eligibility of all, at any clock, whatever happened in between."""

from __future__ import annotations

from itertools import combinations
from operator import itemgetter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pyroaring import BitMap
from tests.guards import empty_the_ledger

from privet.consent import Change, Ledger, Said, Shared, Told, sheet
from privet.consent.chunk import decode
from privet.consent.ledger import FEW
from privet.consent.optout import placed
from privet.consent.project import fold as project
from privet.db import Home, Tx

BASES = {
    "agree": "consent",
    "deal": "contract",
    "care": "legitimate-interest",
    "law": "legal-obligation",
    "share": "opt-out",
}
WHERE = {"share": frozenset({"US-CA", "CA"})}
PLACES = ("", "", "US-CA", "US-NY", "US", "CA-QC", "DE")
SUBJECTS = (0, 7, 65_535, 65_536, 200_000)
STRANGER = 8
KINDS = {
    "agree": ("yes", "yes", "no", "withdrawn", "objected", "upheld", "overruled"),
    "deal": ("begun", "ended", "objected", "overruled"),
    "care": ("objected", "upheld", "overruled", "begun", "ended", "withdrawn"),
    "law": ("objected", "begun", "yes"),
    "share": ("opted-out", "opted-in", "objected", "overruled", "withdrawn"),
    "*": ("known", "known", "restricted", "lifted"),
}
MANY = BitMap(range(7, 7 + FEW)) | BitMap([65_536])
SETS = [s for n in (1, 2, 5) for s in combinations(BASES, n)]

subjects = st.sampled_from(SUBJECTS)
purposes = st.sampled_from([*BASES, "*", "*"])


@st.composite
def said(draw: st.DrawFn, now: int) -> list[Said]:
    """What one person says at once, each purpose being named once or twice."""
    found = [Said("known", "*", now, -1, None, "")] if draw(st.booleans()) else []
    for purpose in draw(st.lists(st.sampled_from([*BASES]), min_size=0 if found else 1)):
        lasts = draw(st.none() | st.integers(0, 60))
        expires = None if lasts is None else now + lasts
        kind = draw(st.sampled_from(KINDS[purpose]))
        found.append(Said(kind, purpose, now - draw(st.integers(0, 40)), -1, expires, ""))
    return list(dict.fromkeys(found))


class Grounds(RuleBasedStateMachine):
    """Random lives of a few subjects; every step is followed by the whole comparison."""

    home: Home

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(self.home.data, b"k" * 32, BASES, WHERE)
        self.now = 1_000
        self.seq = 0
        self.late: list[tuple[int, Change]] = []
        self.applied: list[tuple[int, Change]] = []
        self.texts: list[str] = []
        with self.home.data.write() as tx:
            empty_the_ledger(tx)

    def made(self, data: st.DataObject, sno: int, purpose: str) -> tuple[int, Change]:
        self.seq += 1
        lasts = data.draw(st.none() | st.integers(0, 60))
        change = Change(
            sno,
            purpose,
            data.draw(st.sampled_from(KINDS[purpose])),
            self.now - data.draw(st.integers(0, 40)),
            event_id=data.draw(st.sampled_from(["", "", "e1", "e2"])),
            jurisdiction=data.draw(st.sampled_from(PLACES)),
            notice=data.draw(st.sampled_from(["", "code", *self.texts[-3:]])),
            seen=data.draw(st.just(-1) | st.integers(0, self.seq)),
            expires=None if lasts is None or purpose == "*" else self.now + lasts,
        )
        return self.seq, change

    @rule(data=st.data(), people=st.lists(subjects, min_size=1, max_size=4), purpose=purposes)
    def changes(self, data: st.DataObject, people: list[int], purpose: str) -> None:
        leaves = [self.made(data, sno, purpose) for sno in people]
        held = data.draw(st.integers(0, len(leaves)))
        self.late += leaves[:held]
        self.apply(leaves[held:])

    @rule(data=st.data(), people=st.lists(subjects, min_size=1, max_size=4, unique=True))
    def people_are_taken_in(self, data: st.DataObject, people: list[int]) -> None:
        """What an import does: several things at once, mostly of people not heard of."""
        said_by = {sno: data.draw(said(self.now)) for sno in people}
        where = data.draw(st.sampled_from(PLACES))
        leaves = [(sno, sheet(sno, Shared("", where, ""), s)) for sno, s in said_by.items()]
        taken = [(self.seq + n, one) for n, (_, one) in enumerate(leaves, 1)]
        self.seq += len(taken)
        with self.home.data.write() as tx:
            self.ledger.take_in(tx, taken)
        self.applied += [(seq, change) for seq, one in taken for change in one.changes()]

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def a_leaf_arrives_late(self, data: st.DataObject) -> None:
        self.apply([self.late.pop(data.draw(st.integers(0, len(self.late) - 1)))])

    @precondition(lambda self: self.applied)
    @rule(data=st.data())
    def a_leaf_is_replayed(self, data: st.DataObject) -> None:
        seq, _ = data.draw(st.sampled_from(self.applied))
        self.apply([leaf for leaf in self.applied if leaf[0] == seq])

    @rule(by=st.integers(1, 50))
    def time_passes(self, by: int) -> None:
        self.now += by

    @rule(
        purposes=st.lists(st.sampled_from(["agree", "deal", "gone"]), min_size=1, unique=True),
        lasts=st.none() | st.integers(0, 60),
    )
    def a_notice(self, purposes: list[str], lasts: int | None) -> None:
        self.seq += 1
        text = f"{self.seq:064x}"
        lapses = None if lasts is None else self.now + lasts
        told = Told(
            self.seq, text, "n", f"v{self.seq}", "en", tuple(purposes), text, self.now, lapses
        )
        self.texts.append(text)
        with self.home.data.write() as tx:
            self.ledger.tell(tx, told)

    @rule(sno=subjects, up=st.booleans())
    def a_fence(self, sno: int, up: bool) -> None:
        with self.home.data.write() as tx:
            if up:
                self.ledger.fence(tx, sno, "R1", self.seq)
            else:
                tx.run("DELETE FROM fence WHERE sno = ?", (sno,))

    @rule(sno=subjects)
    def a_subject_is_forgotten(self, sno: int) -> None:
        with self.home.data.write() as tx:
            self.ledger.forget(tx, sno)
        self.late = [leaf for leaf in self.late if leaf[1].sno != sno]
        self.applied = [leaf for leaf in self.applied if leaf[1].sno != sno]

    @rule()
    def a_fold(self) -> None:
        with self.home.data.write() as tx:
            self.ledger.fold(tx)
            assert self.ledger.fold(tx) == 0

    def apply(self, leaves: list[tuple[int, Change]]) -> None:
        with self.home.data.write() as tx:
            self.ledger.apply(tx, leaves)
        self.applied += leaves

    @invariant()
    def one_is_all(self) -> None:
        with self.home.data.read() as tx:
            for now in (self.now, self.now + 30, self.now - 30):
                for asked in SETS:
                    point = {
                        s
                        for s in (*SUBJECTS, STRANGER)
                        if self.ledger.why_not(tx, asked, s, now) is None
                    }
                    assert set(self.ledger.eligible(tx, asked, now)) == point
                    for some in (BitMap([7, 65_536]), MANY):
                        found = self.ledger.eligible(tx, asked, now, some)
                        assert set(found) == point & set(some)

    @invariant()
    def a_ground_is_the_fold_of_its_entries(self) -> None:
        with self.home.data.read() as tx:
            rows = {
                (sno, purpose): (row.status, row.seq)
                for sno, stands in self.ledger._grounds.rows.of(tx, SUBJECTS).items()
                for purpose, row in stands.items()
            }
        told: dict[tuple[int, str], list[tuple[int, Change]]] = {}
        for seq, change in sorted(dict.fromkeys(self.applied), key=itemgetter(0)):
            told.setdefault((change.sno, change.purpose), []).append((seq, change))
        bases = {**BASES, "*": "subject"}
        states = {key: project(bases[key[1]], past) for key, past in told.items()}
        for sno in {sno for sno, _ in told}:
            entries = [e for (s, _), past in told.items() if s == sno for e in past]
            life = sorted(entries, key=itemgetter(0))
            where = [e for e in life if e[1].jurisdiction]
            states[sno, "share"] = placed(WHERE["share"], told.get((sno, "share"), []), where)
        assert rows == {k: (s.status, s.seq) for k, s in states.items() if s.status != "none"}

    def teardown(self) -> None:
        with self.home.data.write() as tx:
            self.ledger.fold(tx)
            before = stored(tx)
            self.ledger.rebuild(tx)
            assert stored(tx) == before


def stored(tx: Tx) -> tuple[object, ...]:
    """The projection; not the newest position a bitmap knew, which forgetting cannot undo."""
    grounds = sorted(tx.all("SELECT sno, body, pending, mac FROM ground"))
    assert tx.all("SELECT 1 FROM ground_delta") == []
    sets = {}
    for purpose, number, bits, due in tx.all("SELECT purpose, chunk, bits, due FROM ground_set"):
        chunk = decode(number, bytes(bits))
        if chunk.on or chunk.off:
            sets[purpose, number] = (bytes(bits), due)
    ends = sorted(tx.all("SELECT purpose, chunk, period, who, ends FROM ground_end"))
    return [tuple(map(plain, row)) for row in grounds], sets, [tuple(map(plain, e)) for e in ends]


def plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def test_eligibility_of_one_is_eligibility_of_all(home: Home) -> None:
    small = home.data.dialect == "postgresql"
    machine = type("Machine", (Grounds,), {"home": home})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=6 if small else 40, stateful_step_count=12 if small else 25),
    )
