"""The ledger of grounds in the data store: the projection of the log's ground leaves.

One writer's order, which keeps the projection whole:

1. ``lock(tx)``: one change of grounds at a time, on PostgreSQL too;
2. ``check(tx, change)``: refuses a late permission, drops a repeat;
3. append the leaf to the audit log: it is durable and has its position;
4. ``apply(tx, [(seq, change)])``, and the data transaction commits.

A crash between 3 and 4 leaves a leaf past ``position(tx)``; it is applied when the
deployment is opened next. Applying twice changes nothing, in whichever order.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from privet.consent import entries, epochs, told
from privet.consent.change import EVERYTHING, MAX_SNO, Change
from privet.consent.checking import Recount
from privet.consent.chunk import SPAN
from privet.consent.grounds import Grounds
from privet.consent.judge import judge, require_fit
from privet.consent.macs import Macs
from privet.consent.optout import Places
from privet.consent.project import FITTING, OPT_OUT, PRESUMED, SUBJECT
from privet.consent.standing import FENCED, RESTRICTED, Standing, describe, reason
from privet.errors import AccessDenied, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from pyroaring import BitMap

    from privet.consent.bitmaps import Sides
    from privet.consent.entries import Heard
    from privet.consent.sheet import Said, Sheet
    from privet.consent.told import Told
    from privet.db import Store, Tx

APPLIED_KEY: Final = "applied_seq"
_NOWHERE: Final[Places] = MappingProxyType({})
FEW: Final = 64  # up to so many subjects, their rows are read faster than a chunk's bitmaps


def position_of(marks: Mapping[str, bytes]) -> int:
    """``Ledger.position``, from rows of the data store's table ``meta`` that were read."""
    return int(marks.get(APPLIED_KEY, b"-1"))


class Ledger:
    """Grounds of all subjects, for the purposes of one policy.

    Args:
        data: the data store; every ``tx`` of the methods is one of its transactions.
        mac_key: key of the MACs over the projection, 32 bytes.
        bases: basis of every purpose of the policy.
        places: where each purpose that stands until a person opts out does so: ISO 3166
            codes of countries and their parts.

    Raises:
        InvalidInput: a basis is unknown.
    """

    def __init__(
        self,
        data: Store,
        mac_key: bytes,
        bases: Mapping[str, str],
        places: Places = _NOWHERE,
    ) -> None:
        self.data = data
        self._bases = {**bases, EVERYTHING: SUBJECT}
        self._places = {
            name: places.get(name, frozenset()) for name, b in bases.items() if b == OPT_OUT
        }
        if not set(bases.values()) <= FITTING.keys() - {SUBJECT} or EVERYTHING in bases:
            raise InvalidInput(
                "a purpose rests on an unknown basis",
                remedy="Use a basis of GDPR Art. 6(1) that the policy knows.",
                reason="ground.basis",
            )
        self._macs = Macs(mac_key)
        self._grounds = Grounds(self._macs, self._bases, self._places)

    # --- writing -----------------------------------------------------------------------

    def lock(self, tx: Tx) -> None:
        """Let no other writer change a ground until this transaction ends.

        Holding it from before ``check`` until after ``apply`` makes the order of the
        log the order of the projection, and ``position`` a mark without gaps.
        """
        tx.run(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
            (APPLIED_KEY, b"-1"),
        )
        tx.one(f"SELECT value FROM meta WHERE key = ?{tx.for_update}", (APPLIED_KEY,))

    def hold(self, tx: Tx) -> None:
        """Hold the epoch rows of all purposes, for a transaction that applies several leaves.

        One leaf after the other would lock them out of the order in which publications
        share them, and each would wait for the other.
        """
        epochs.hold(tx, self._every(tx))

    def aged(self, tx: Tx) -> None:
        """Somebody's age is told: nothing that depends on ages is published until this commits.

        Before any other row of an epoch is held, as its name comes first.
        """
        epochs.hold(tx, [epochs.AGES])
        epochs.bump(tx, [epochs.AGES])

    def require_fit(self, purpose: str, kind: str) -> None:
        """Refuse a kind of change that no subject can have of this purpose.

        Raises:
            AccessDenied: the purpose is unknown.
            InvalidInput: the kind means nothing where the purpose rests on its basis.
        """
        require_fit(self._basis(purpose), kind)

    def check(self, tx: Tx, change: Change) -> Change | None:
        """Judge a change before it enters the log.

        Returns:
            The change, or None where nothing is to be done: a repeat of an event, or
            the enrolment of a subject who is known.

        Raises:
            AccessDenied: the purpose is unknown.
            InvalidInput: the kind does not fit the purpose's basis, a decision has no
                pending objection, or ``seen`` is ahead of the ledger.
            StaleAnswer: a permission that has not seen the person's last refusal
                (GDPR Art. 7(3), 21(3)).
        """
        basis = self._basis(change.purpose)
        # The log's first leaf is of no ground: whoever has seen it has seen that there is none.
        if change.seen > max(self.position(tx), 0):
            raise InvalidInput(
                "an answer refers to a state of the ledger that does not exist yet",
                remedy="Pass the position that was read when the state was shown.",
                reason="ground.seen",
            )
        past = entries.of_ground(tx, self._macs, change.sno, change.purpose)
        return judge(basis, past, change)

    def apply(self, tx: Tx, changes: Sequence[tuple[int, Change]]) -> None:
        """Project leaves of the log, each with its position, into this store.

        Raises:
            IntegrityError: another entry stands at one of these positions.
            StoreUnavailable: the grounds were computed under other purposes or bases.
        """
        if not changes:
            return
        self.lock(tx)
        self._grounds.claim(tx)
        moved = self._moved(tx, changes)
        # A first place changes rows of what stands until she opts out, and ends none.
        placed = self._places if any(change.jurisdiction for _, change in changes) else ()
        epochs.hold(tx, {*self._touched(tx, changes, moved), *placed})
        fresh = entries.insert(tx, self._macs, changes)
        if fresh:
            self._grounds.project(tx, fresh)
            epochs.bump(tx, self._touched(tx, fresh, moved))
        self.advance(tx, max(seq for seq, _ in changes))

    def take_in(self, tx: Tx, sheets: Sequence[tuple[int, Sheet]]) -> None:
        """Project what very many people said at once, each leaf with its position.

        The same as ``apply`` of its changes, and as fast as can be where the ledger says
        nothing of these purposes for these people yet.

        Raises:
            IntegrityError, StoreUnavailable: as ``apply``.
        """
        if not sheets:
            return
        self.lock(tx)
        self._grounds.claim(tx)
        people: dict[int, list[tuple[int, Said]]] = {}
        for seq, one in sheets:
            people.setdefault(one.sno, []).extend([(seq, said) for said in one.said])
        heard = entries.heard(tx, self._macs, list(people))
        if not self._grounds.plain(tx, people, heard):
            self.apply(tx, [(seq, change) for seq, one in sheets for change in one.changes()])
            return
        # Of whom nothing was known no other place was either.
        told = [(one.sno, one.shared.jurisdiction) for _, one in sheets if one.sno in heard]
        moved = self._elsewhere(tx, told)
        purposes = {said.purpose for _, one in sheets for said in one.said}
        purposes = self._every(tx) if moved else purposes
        epochs.hold(tx, purposes)
        entries.put(tx, self._macs, [(one.sno, seq, one.body) for seq, one in sheets])
        self._grounds.take_in(tx, people, heard.keys())
        epochs.bump(tx, purposes)
        self.advance(tx, max(seq for seq, _ in sheets))

    def heard(self, tx: Tx, snos: Sequence[int]) -> dict[int, Heard]:
        """What each of these subjects said; whom the ledger does not know is left out.

        Raises:
            IntegrityError: an entry does not bear its MAC.
        """
        return entries.heard(tx, self._macs, snos)

    def advance(self, tx: Tx, seq: int) -> None:
        """Note that every leaf up to ``seq`` is projected; never goes back."""
        self.lock(tx)
        if seq > self.position(tx):
            tx.run("UPDATE meta SET value = ? WHERE key = ?", (b"%d" % seq, APPLIED_KEY))

    def tell(self, tx: Tx, notice: Told) -> None:
        """Project a notice's leaf; a material one ends older answers from its instant on.

        Raises:
            IntegrityError: a notice or an entry does not bear its MAC.
            StoreUnavailable: the grounds were computed under other purposes or bases.
        """
        self.lock(tx)
        self._grounds.claim(tx)
        reach = [purpose for purpose in notice.purposes if purpose in self._bases]
        epochs.hold(tx, reach)
        behind = self.position(tx) < notice.seq
        if told.insert(tx, self._macs, notice) and notice.lapses is not None and reach:
            self._grounds.shorten(tx, reach, notice, behind=behind)
            epochs.bump(tx, reach)
        self.advance(tx, notice.seq)

    def fence(self, tx: Tx, sno: int, request: str, seq: int) -> None:
        """Release nothing of this subject from here on (the first step of an erasure).

        Args:
            tx: a writing transaction.
            sno: the subject's ordinal.
            request: number of the erasure's request.
            seq: position of its leaf.
        """
        self.lock(tx)
        reach = self._every(tx)
        epochs.hold(tx, reach)
        done = tx.run(
            "INSERT INTO fence (sno, request, seq) VALUES (?, ?, ?) ON CONFLICT (sno) DO NOTHING",
            (sno, request, seq),
        )
        if done:
            epochs.bump(tx, reach)
        self.advance(tx, seq)

    def forget(self, tx: Tx, sno: int) -> None:
        """Delete an erased subject's rows from the projection; the fence stays.

        The fence keeps a change that was on its way from opening the ordinal again;
        an ordinal is never given to anybody else.
        """
        self._grounds.require(tx)
        purposes = list(self._grounds.rows.of(tx, [sno]).get(sno, ()))
        epochs.hold(tx, [EVERYTHING, *purposes])
        self._grounds.forget(tx, sno, purposes)
        tx.run("DELETE FROM ledger WHERE sno = ?", (sno,))
        epochs.bump(tx, purposes)

    def fold(self, tx: Tx) -> int:
        """Pack the deltas into the bitmaps; how many were packed. Changes no answer."""
        self._grounds.require(tx)
        waiting = [
            p for (p,) in tx.all("SELECT DISTINCT purpose FROM ground_delta ORDER BY purpose")
        ]
        if not waiting:
            return 0
        epochs.hold(tx, waiting)
        return sum(self._grounds.bitmaps.fold(tx, purpose) for purpose in waiting)

    def rebuild(self, tx: Tx) -> None:
        """Compute all grounds and bitmaps anew from the ledger.

        Needed where a policy changes its purposes or their bases: until then every
        reader under the new policy is refused.
        """
        reach = self._every(tx)
        epochs.hold(tx, reach)
        self._grounds.rebuild(tx)
        epochs.bump(tx, reach)

    def recount(self) -> Recount:
        """What compares the tables of grounds with what they are projections of."""
        return Recount(self._macs, self._grounds, self._bases)

    # --- reading -----------------------------------------------------------------------

    def why_not(self, tx: Tx, purposes: Sequence[str], sno: int, now: int) -> str | None:
        """Why these purposes may not all be pursued for one subject; None: they may.

        Args:
            tx: any transaction.
            purposes: at least one purpose.
            sno: the subject's ordinal.
            now: the instant, UTC microseconds.

        Raises:
            AccessDenied: a purpose is unknown.
            InvalidInput: no purpose was given.
            IntegrityError: a row does not bear its MAC.
        """
        bases = self._bases_of(purposes)
        rows, fenced = self._grounds.rows.look(tx, (*purposes, EVERYTHING), sno)
        if fenced:
            return FENCED
        subject = rows.get(EVERYTHING)
        if subject is not None and subject.status == "restricted":
            return RESTRICTED
        for purpose, basis in zip(purposes, bases, strict=True):
            why = reason(basis, rows.get(purpose), subject is not None, now)
            if why is not None:
                return why
        return None

    def eligible(
        self, tx: Tx, purposes: Sequence[str], now: int, among: BitMap | None = None
    ) -> BitMap:
        """The subjects for whom all of these purposes may be pursued.

        Args:
            tx: any transaction.
            purposes: at least one purpose; all must hold.
            now: the instant, UTC microseconds.
            among: look at these ordinals alone; None: at all.

        Raises:
            AccessDenied: a purpose is unknown.
            InvalidInput: no purpose was given.
            IntegrityError: a row does not bear its MAC.
        """
        from pyroaring import BitMap

        bases = self._bases_of(purposes)
        if among is not None and not among:
            return BitMap()
        if among is not None and len(among) <= FEW:
            return BitMap([sno for sno in among if self.why_not(tx, purposes, sno, now) is None])
        low, high = (0, MAX_SNO) if among is None else (among.min(), among.max())
        self._grounds.require(tx)
        wanted = sorted({*purposes, EVERYTHING})
        sides = self._grounds.bitmaps.sides(tx, wanted, low // SPAN, high // SPAN, now)
        subject = sides[EVERYTHING]
        holding = [
            _holding(basis, subject.on, sides[p]) for p, basis in zip(purposes, bases, strict=True)
        ]
        fenced = tx.all("SELECT sno FROM fence WHERE sno BETWEEN ? AND ?", (low, high))
        result = BitMap.intersection(*holding) - subject.off - BitMap([s for (s,) in fenced])
        return result if among is None else result & among

    def standing(self, tx: Tx, sno: int, purpose: str, now: int) -> Standing:
        """Where one purpose stands for one subject at ``now`` (UTC microseconds).

        Raises:
            AccessDenied: the purpose is unknown.
            IntegrityError: a row does not bear its MAC.
        """
        (basis,) = self._bases_of([purpose])
        rows, fenced = self._grounds.rows.look(tx, (purpose, EVERYTHING), sno)
        standing = describe(basis, rows.get(purpose), rows.get(EVERYTHING), fenced, now)
        return self._named(tx, purpose, standing)

    def _named(self, tx: Tx, purpose: str, standing: Standing) -> Standing:
        # What only told where she is says nothing of what she was shown of this purpose.
        notice = entries.notice_of(tx, self._macs, standing.seq, purpose)
        return replace(standing, notice=notice) if notice else standing

    def standing_at(self, tx: Tx, sno: int, purpose: str, position: int, at: int) -> Standing:
        """Where one purpose stood for one subject, as the log said it up to ``position``.

        Args:
            tx: any transaction.
            sno: the subject's ordinal.
            purpose: a purpose of the policy; it is judged by the basis that it has there.
            position: position of the newest leaf that counts.
            at: the instant, UTC microseconds.

        Raises:
            AccessDenied: the purpose is unknown.
            IntegrityError: an entry does not bear its MAC.
        """
        self._bases_of([purpose])
        row = self._grounds.past(tx, sno, purpose, position)
        subject = self._grounds.past(tx, sno, EVERYTHING, position)
        fence = tx.one("SELECT 1 FROM fence WHERE sno = ? AND seq <= ?", (sno, position))
        standing = describe(self._basis(purpose), row, subject, fence is not None, at)
        return self._named(tx, purpose, standing)

    def objected(self, tx: Tx) -> list[tuple[int, str, int, int]]:
        """Objections that nobody has decided: ordinal, purpose, instant and position.

        Not those of subjects who are fenced.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        self._grounds.require(tx)
        fenced = {sno for (sno,) in tx.all("SELECT sno FROM fence")}
        return [
            (sno, purpose, row.since, row.seq)
            for sno, purpose, row in self._grounds.rows.pending(tx)
            if sno not in fenced
        ]

    def lapsing(self, tx: Tx, purpose: str, until: int) -> list[tuple[int, int]]:
        """Subjects whose consent lapses before ``until`` or has lapsed, with the instant.

        Not those who are restricted or fenced, nor who refused since.

        Raises:
            AccessDenied: the purpose is unknown.
            IntegrityError: a row does not bear its MAC.
        """
        self._basis(purpose)
        self._grounds.require(tx)
        found = self._grounds.bitmaps.lapsing(tx, purpose, until)
        subject = self._grounds.bitmaps.sides(tx, [EVERYTHING], 0, MAX_SNO // SPAN, until)
        fenced = {sno for (sno,) in tx.all("SELECT sno FROM fence")}
        off = subject[EVERYTHING].off
        return [one for one in found if one[0] not in off and one[0] not in fenced]

    def entries(self, tx: Tx, sno: int) -> list[tuple[int, Change]]:
        """Every entry of one subject with its position, ascending."""
        found = entries.of_subjects(tx, self._macs, [sno])
        return sorted((entry for part in found.values() for entry in part), key=lambda e: e[0])

    def places(self, tx: Tx, snos: BitMap) -> dict[str, BitMap]:
        """Whose law protects whom: the jurisdiction last named with any of her entries.

        Returns:
            Jurisdiction to ordinals; those of whom none was ever named under ``""``.

        Raises:
            IntegrityError: an entry does not bear its MAC.
        """
        return entries.places(tx, self._macs, snos)

    def notices(self, tx: Tx) -> list[Told]:
        """Every notice that the log knows, in its order.

        Raises:
            IntegrityError: a row does not bear its MAC.
        """
        return told.everything(tx, self._macs)

    def epoch(self, tx: Tx, purpose: str, lock: bool = False) -> int:
        """How many changes of grounds a purpose has seen.

        Args:
            tx: any transaction; a writing one with ``lock``.
            purpose: a purpose, ``"*"``, or ``AGES``.
            lock: hold the row so that no ground of the purpose changes before the
                transaction ends: what a publication does before it narrows again.
        """
        return epochs.share(tx, purpose) if lock else epochs.value(tx, purpose)

    def position(self, tx: Tx) -> int:
        """Position of the newest leaf that is projected here; -1: none."""
        row = tx.one("SELECT value FROM meta WHERE key = ?", (APPLIED_KEY,))
        return position_of({} if row is None else {APPLIED_KEY: bytes(row[0])})

    def _basis(self, purpose: str) -> str:
        try:
            return self._bases[purpose]
        except (KeyError, TypeError):  # what has no hash is no name either
            raise AccessDenied(
                "a purpose was refused",
                why="the policy has no purpose of this name",
                reason="purpose.unknown",
            ) from None

    def _bases_of(self, purposes: Sequence[str]) -> list[str]:
        if not purposes:
            raise InvalidInput(
                "nothing was asked of the grounds",
                why="no purpose was given",
                remedy="Name the purpose; built-in purposes rest on no ground and ask none.",
                reason="ground.purposes",
            )
        if EVERYTHING in purposes:
            raise InvalidInput(
                "nothing was asked of the grounds",
                why="'*' is no purpose that anything is done for",
                reason="ground.purposes",
            )
        return [self._basis(purpose) for purpose in purposes]

    def _touched(
        self, tx: Tx, changes: Sequence[tuple[int, Change]], moved: AbstractSet[int]
    ) -> set[str]:
        """The epoch rows that these changes concern.

        An enrolment takes nobody out of anything that is about to be published, so it
        concerns ``"*"`` alone; a restriction concerns every purpose, and so does another
        place, on which any purpose may depend by its ground or by a rule.
        """
        if any(
            c.sno in moved or (c.purpose == EVERYTHING and c.kind != "known") for _, c in changes
        ):
            return self._every(tx)
        return {change.purpose for _, change in changes}

    def _moved(self, tx: Tx, changes: Sequence[tuple[int, Change]]) -> set[int]:
        """Who is in another place by one of these changes than any that was told before."""
        return self._elsewhere(tx, [(c.sno, c.jurisdiction) for _, c in changes])

    def _elsewhere(self, tx: Tx, told: Iterable[tuple[int, str]]) -> set[int]:
        """Those of these people of whom another place was told before, or is at once.

        A first place allows more than an unknown one and takes nobody out of anything.
        """
        from pyroaring import BitMap

        telling = [(sno, code) for sno, code in told if code]
        if not telling:
            return set()
        before: dict[int, str] = {}
        asked = BitMap([sno for sno, _ in telling])
        for code, people in entries.places(tx, self._macs, asked).items():
            before |= dict.fromkeys(people, code)
        moved: set[int] = set()
        for sno, code in telling:
            if before.get(sno, "") not in ("", code):
                moved.add(sno)
            before[sno] = code
        return moved

    def _every(self, tx: Tx) -> set[str]:
        return {*self._bases, *epochs.names(tx)}


def _holding(basis: str, known: BitMap, sides: Sides) -> BitMap:
    """Whose ground holds, by the marks of its purpose."""
    if basis in PRESUMED:
        return known - sides.off - sides.lapsed
    held = sides.on - sides.lapsed
    return held & known if basis == OPT_OUT else held
