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

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from privet.consent import entries, epochs
from privet.consent.bitmaps import Bitmaps
from privet.consent.change import EVERYTHING, MAX_SNO, Change
from privet.consent.chunk import SPAN, Mark, build
from privet.consent.entries import Entries
from privet.consent.macs import Macs, check
from privet.consent.project import FITTING, PRESUMED, SUBJECT, State, fold, stale
from privet.consent.standing import FENCED, OBJECTED, RESTRICTED, Row, Standing, reason
from privet.db import Store, Tx
from privet.errors import AccessDenied, InvalidInput, StaleAnswer, StoreUnavailable

if TYPE_CHECKING:
    from pyroaring import BitMap

_APPLIED: Final = "applied_seq"
_BASES: Final = "ground_bases"
_ON: Final = frozenset({"active", "known"})
_PUT_META = (
    "INSERT INTO meta (key, value) VALUES (?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_PUT_GROUND = """
INSERT INTO ground (sno, purpose, status, seq, since, expires, mac) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (sno, purpose) DO UPDATE SET status = excluded.status, seq = excluded.seq,
since = excluded.since, expires = excluded.expires, mac = excluded.mac
"""
_POINT = """
SELECT purpose, status, seq, since, expires, mac FROM ground
WHERE sno = ? AND purpose IN ({0}, '*')
UNION ALL SELECT '#fence', '', seq, 0, NULL, NULL FROM fence WHERE sno = ?
UNION ALL SELECT '#bases', '', 0, 0, NULL, value FROM meta WHERE key = 'ground_bases'
"""


class Ledger:
    """Grounds of all subjects, for the purposes of one policy.

    Args:
        data: the data store; every ``tx`` of the methods is one of its transactions.
        mac_key: key of the MACs over the projection, 32 bytes.
        bases: basis of every purpose of the policy.

    Raises:
        InvalidInput: a basis is unknown.
    """

    def __init__(self, data: Store, mac_key: bytes, bases: Mapping[str, str]) -> None:
        self.data = data
        self._bases = {**bases, EVERYTHING: SUBJECT}
        if not set(bases.values()) <= FITTING.keys() - {SUBJECT} or EVERYTHING in bases:
            raise InvalidInput(
                "a purpose rests on an unknown basis",
                remedy="Use consent, contract, legitimate-interest or legal-obligation.",
                reason="ground.basis",
            )
        self._macs = Macs(mac_key)
        self._tag = self._macs.bases(self._bases)
        self._bitmaps = Bitmaps(self._macs, self._bases)
        self._point: dict[int, str] = {}

    # --- writing -----------------------------------------------------------------------

    def lock(self, tx: Tx) -> None:
        """Let no other writer change a ground until this transaction ends.

        Holding it from before ``check`` until after ``apply`` makes the order of the
        log the order of the projection, and ``position`` a mark without gaps.
        """
        tx.run(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
            (_APPLIED, b"-1"),
        )
        tx.one(f"SELECT value FROM meta WHERE key = ?{tx.for_update}", (_APPLIED,))

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
        if change.kind not in FITTING[basis]:
            raise _refused_kind(basis)
        if change.seen > self.position(tx):
            raise InvalidInput(
                "an answer refers to a state of the ledger that does not exist yet",
                remedy="Pass the position that was read when the state was shown.",
                reason="ground.seen",
            )
        past = entries.of_ground(tx, self._macs, change.sno, change.purpose)
        if change.event_id and any(
            (change.kind, change.event_id) == (other.kind, other.event_id) for _, other in past
        ):
            return None
        state = fold(basis, past)
        if change.kind == "known" and state.status != "none":
            return None
        if change.kind in {"upheld", "overruled"} and state.status != "objected":
            raise InvalidInput(
                "there is no objection to decide",
                remedy="Look at the subject's standing first.",
                reason="ground.no-objection",
            )
        if stale(state, change):
            raise StaleAnswer(
                "a permission was refused",
                why="it was given before, or without seeing, the person's last refusal",
            )
        return change

    def apply(self, tx: Tx, changes: Sequence[tuple[int, Change]]) -> None:
        """Project leaves of the log, each with its position, into this store.

        Raises:
            IntegrityError: another entry stands at one of these positions.
            StoreUnavailable: the grounds were computed under other purposes or bases.
        """
        if not changes:
            return
        self._claim(tx)
        touched = {change.purpose for _, change in changes}
        epochs.hold(tx, self._reach(tx, touched))
        fresh = entries.insert(tx, self._macs, changes)
        if fresh:
            self._project(tx, fresh)
            epochs.bump(tx, self._reach(tx, {change.purpose for _, change in fresh}))
        self.advance(tx, max(seq for seq, _ in changes))

    def advance(self, tx: Tx, seq: int) -> None:
        """Note that every leaf up to ``seq`` is projected; never goes back."""
        if seq > self.position(tx):
            tx.run(_PUT_META, (_APPLIED, b"%d" % seq))

    def fence(self, tx: Tx, sno: int, request: str, seq: int) -> None:
        """Release nothing of this subject from here on (the first step of an erasure).

        Args:
            tx: a writing transaction.
            sno: the subject's ordinal.
            request: number of the erasure's request.
            seq: position of its leaf.
        """
        reach = self._reach(tx, {EVERYTHING})
        epochs.hold(tx, reach)
        done = tx.run(
            "INSERT INTO fence (sno, request, seq) VALUES (?, ?, ?) ON CONFLICT (sno) DO NOTHING",
            (sno, request, seq),
        )
        if done:
            epochs.bump(tx, reach)
        self.advance(tx, seq)

    def unfence(self, tx: Tx, sno: int) -> None:
        """Take a fence away."""
        reach = self._reach(tx, {EVERYTHING})
        epochs.hold(tx, reach)
        if tx.run("DELETE FROM fence WHERE sno = ?", (sno,)):
            epochs.bump(tx, reach)

    def forget(self, tx: Tx, sno: int) -> None:
        """Delete an erased subject's rows from the projection; the fence stays.

        The fence keeps a change that was on its way from opening the ordinal again;
        an ordinal is never given to anybody else.
        """
        purposes = [p for (p,) in tx.all("SELECT purpose FROM ground WHERE sno = ?", (sno,))]
        epochs.hold(tx, [EVERYTHING, *purposes])
        for purpose in purposes:
            if purpose in self._bases:
                self._bitmaps.forget(tx, purpose, sno)
        tx.run("DELETE FROM ground WHERE sno = ?", (sno,))
        tx.run("DELETE FROM ledger WHERE sno = ?", (sno,))
        epochs.bump(tx, purposes)

    def fold(self, tx: Tx) -> int:
        """Pack the deltas into the bitmaps; how many were packed. Changes no answer."""
        self._claim(tx)
        waiting = [
            p for (p,) in tx.all("SELECT DISTINCT purpose FROM ground_delta ORDER BY purpose")
        ]
        if not waiting:
            return 0
        epochs.hold(tx, waiting)
        return sum(self._bitmaps.fold(tx, purpose) for purpose in waiting)

    def rebuild(self, tx: Tx) -> None:
        """Compute all grounds and bitmaps anew from the ledger.

        Needed where a policy changes its purposes or their bases: until then every
        reader under the new policy is refused.
        """
        reach = self._reach(tx, {EVERYTHING})
        epochs.hold(tx, reach)
        for table in ("ground", "ground_delta", "ground_set"):
            tx.run(f"DELETE FROM {table}")
        tx.run(_PUT_META, (_BASES, self._tag))
        row = tx.one("SELECT MIN(sno), MAX(sno) FROM ledger")
        if row and row[0] is not None:
            for number in range(row[0] // SPAN, row[1] // SPAN + 1):
                self._rebuild_chunk(tx, number)
        epochs.bump(tx, reach)

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
        rows, fenced = self._rows(tx, purposes, sno)
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
        low, high = (0, MAX_SNO) if among is None else (among.min(), among.max())
        self._require_bases(tx)
        wanted = sorted({*purposes, EVERYTHING})
        sides = self._bitmaps.sides(tx, wanted, low // SPAN, high // SPAN, now)
        subject = sides[EVERYTHING]
        holding = [
            (subject.on - sides[p].off if basis in PRESUMED else sides[p].on) - sides[p].lapsed
            for p, basis in zip(purposes, bases, strict=True)
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
        rows, fenced = self._rows(tx, [purpose], sno)
        subject = rows.get(EVERYTHING)
        restricted = subject is not None and subject.status == "restricted"
        own = rows.get(purpose)
        why = reason(basis, own, subject is not None, now)
        decided = own or (subject if why is None else None)
        status = "active" if why is None else "none" if own is None else own.status
        notice = decided and tx.one("SELECT notice FROM ledger WHERE seq = ?", (decided.seq,))
        return Standing(
            active=why is None and not restricted and not fenced,
            status="lapsed" if why == "ground.lapsed" else status,
            since=decided.since if decided else None,
            expires=own.expires if own else None,
            seq=decided.seq if decided else -1,
            notice=str(notice[0]) if notice else "",
            restricted=restricted,
            objected=why == OBJECTED,
        )

    def entries(self, tx: Tx, sno: int) -> list[tuple[int, Change]]:
        """Every entry of one subject with its position, ascending."""
        found = entries.of_subjects(tx, self._macs, [sno])
        return sorted((entry for part in found.values() for entry in part), key=lambda e: e[0])

    def epoch(self, tx: Tx, purpose: str, lock: bool = False) -> int:
        """How many changes of grounds a purpose has seen.

        Args:
            tx: any transaction; a writing one with ``lock``.
            purpose: a purpose, or ``"*"``.
            lock: hold the row so that no ground of the purpose changes before the
                transaction ends: what a publication does before it narrows again.
        """
        return epochs.share(tx, purpose) if lock else epochs.value(tx, purpose)

    def position(self, tx: Tx) -> int:
        """Position of the newest leaf that is projected here; -1: none."""
        row = tx.one("SELECT value FROM meta WHERE key = ?", (_APPLIED,))
        return int(bytes(row[0])) if row else -1

    # --- within ------------------------------------------------------------------------

    def _basis(self, purpose: str) -> str:
        try:
            return self._bases[purpose]
        except KeyError:
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
        bases = [self._basis(purpose) for purpose in purposes]
        if SUBJECT in bases:
            raise _refused_kind(SUBJECT)
        return bases

    def _rows(self, tx: Tx, purposes: Sequence[str], sno: int) -> tuple[dict[str, Row], bool]:
        """The ground rows of one subject by purpose, and whether she is fenced."""
        count = len(purposes)
        sql = self._point.get(count)
        if sql is None:
            sql = self._point[count] = _POINT.format(entries.marks(count))
        rows: dict[str, Row] = {}
        fenced = False
        for purpose, status, seq, since, expires, mac in tx.all(sql, (sno, *purposes, sno)):
            if purpose == "#fence":
                fenced = True
            elif purpose == "#bases":
                self._compare_bases(mac)
            else:
                made = self._macs.ground(
                    self._bases[purpose], sno, purpose, status, seq, since, expires
                )
                check(made, mac, "a ground")
                rows[purpose] = Row(status, seq, since, expires)
        return rows, fenced

    def _reach(self, tx: Tx, purposes: Iterable[str]) -> set[str]:
        """The epoch rows that changes of these purposes touch: all of them for ``"*"``."""
        reach = set(purposes)
        if EVERYTHING in reach:
            reach.update(self._bases, epochs.names(tx))
        return reach

    def _claim(self, tx: Tx) -> None:
        """Mark a fresh store with the bases that its grounds are computed under."""
        tx.run(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
            (_BASES, self._tag),
        )
        self._require_bases(tx)

    def _require_bases(self, tx: Tx) -> None:
        row = tx.one("SELECT value FROM meta WHERE key = ?", (_BASES,))
        if row is not None:
            self._compare_bases(row[0])

    def _compare_bases(self, stored: bytes | memoryview) -> None:
        if bytes(stored) != self._tag:
            raise StoreUnavailable(
                "the grounds were computed for another policy",
                why="its purposes or their bases are not this policy's",
                remedy="Use the active policy; activating one rebuilds the grounds.",
                reason="ground.bases",
            )

    def _project(self, tx: Tx, fresh: Entries) -> None:
        keys = {(change.sno, change.purpose) for _, change in fresh}
        told = entries.of_subjects(tx, self._macs, sorted({sno for sno, _ in keys}))
        grounds: list[tuple[Any, ...]] = []
        deltas: list[tuple[str, int, int, Mark]] = []
        for sno, purpose in sorted(keys):
            state = self._fold(purpose, told[sno, purpose])
            if state is not None:
                newest = told[sno, purpose][-1][0]
                grounds.append(self._ground(sno, purpose, state))
                deltas.append((purpose, newest, sno, _mark(state)))
        tx.many(_PUT_GROUND, grounds)
        self._bitmaps.append(tx, deltas)

    def _rebuild_chunk(self, tx: Tx, number: int) -> None:
        told = entries.of_range(tx, self._macs, number * SPAN, (number + 1) * SPAN - 1)
        grounds: list[tuple[Any, ...]] = []
        marks: dict[str, dict[int, Mark]] = {}
        upto: dict[str, int] = {}
        for (sno, purpose), past in sorted(told.items()):
            state = self._fold(purpose, past)
            if state is not None:
                grounds.append(self._ground(sno, purpose, state))
                marks.setdefault(purpose, {})[sno] = _mark(state)
                upto[purpose] = max(upto.get(purpose, -1), past[-1][0])
        tx.many(_PUT_GROUND, grounds)
        for purpose, chunk_marks in marks.items():
            self._bitmaps.put(tx, purpose, build(number, chunk_marks), upto[purpose])

    def _fold(self, purpose: str, past: Entries) -> State | None:
        """Where a ground stands; None where nothing ever had an effect on it."""
        basis = self._bases.get(purpose)
        if basis is None:  # a purpose that the policy dropped: kept in the ledger alone
            return None
        state = fold(basis, past)
        return None if state.status == "none" else state

    def _ground(self, sno: int, purpose: str, state: State) -> tuple[Any, ...]:
        row = (sno, purpose, state.status, state.seq, state.since, state.expires)
        return (*row, self._macs.ground(self._bases[purpose], *row))


def _mark(state: State) -> Mark:
    return state.status in _ON, state.expires


def _refused_kind(basis: str) -> InvalidInput:
    return InvalidInput(
        "a change of a ground was refused",
        why=f"it does not fit the basis {basis}",
        remedy="Consents are answered and withdrawn; contracts begin and end; "
        "the purpose '*' is for enrolment and restriction.",
        reason="ground.kind",
    )
