"""Checkpoints on their way to the anchors: after commits, once a minute, on a thread of its own.

No append and no read waits for an anchor. What an append waits for is nothing but a look
at the clock: where every record must be anchored within a time and one is not, it is
refused, as it is once an anchor has shown that the log went back.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from privet.audit import head as heads
from privet.audit import proof, treestore
from privet.audit.anchors import judging, state
from privet.audit.anchors.base import Anchor, Submission
from privet.audit.anchors.file import FileAnchor
from privet.audit.anchors.state import State
from privet.audit.checkpoint import Checkpoint, Verifier, unverified
from privet.clock import Clock, micros
from privet.errors import (
    AuditUnavailable,
    HandleInvalid,
    IntegrityError,
    PrivetError,
    StoreUnavailable,
)
from privet.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from privet.db import Store

PACE_S = 60.0
CLOSED = frozenset({"anchor.ahead", "anchor.forked"})
_log = get_logger("anchors")


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a checkpoint at one anchor.

    Attributes:
        anchor: the anchor's name.
        size: records under the checkpoint that it holds now; 0 for none.
        error: why it does not hold the newest; None where it does.
    """

    anchor: str
    size: int
    error: PrivetError | None = None


class Anchoring:
    """The anchors of one open log.

    Args:
        store: the audit store.
        key: gives the log's own name and key.
        anchors: where checkpoints are kept; none is a log that is anchored nowhere.
        clock: where time comes from.
        within: microseconds within which every record must be anchored at every anchor; None
            where appends go on without.
    """

    def __init__(
        self,
        store: Store,
        key: Callable[[], Verifier],
        anchors: Sequence[Anchor],
        clock: Clock,
        within: int | None = None,
    ) -> None:
        self._store = store
        self._key = key
        self.anchors = tuple(anchors)
        self._clock = clock
        self.within = within
        self._refusal: IntegrityError | None = None
        self._pending: int | None = None
        self._fresh = False  # something was recorded since the anchors were last reached
        self._changed = threading.Condition()
        self._one = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = False

    @property
    def names(self) -> list[str]:
        """The names of the anchors."""
        return [anchor.name for anchor in self.anchors]

    def begin(self) -> None:
        """Compare the log with every anchor that can be read at once, before any door opens.

        Where records are overdue, or an anchor had shown a loss before, the anchors are
        reached now.

        Raises:
            IntegrityError: an anchor knows what the log does not have.
            InvalidInput: an anchor lies on the volume of the stores.
            StoreUnavailable: an anchor cannot be read where records must be anchored in time.
        """
        for anchor in self.anchors:
            self._look(anchor)
        if not self.anchors:
            return
        with self._store.read() as tx:
            known = state.read(tx)
            self._pending = state.since(tx, self.names)
        shown = any(known.get(name, State(name)).reason in CLOSED for name in self.names)
        if shown or self._overdue(micros(self._clock.now())):
            self._settle()

    def before(self, ts: int) -> None:
        """Refuse an append that may not be made.

        Args:
            ts: the present instant, UTC microseconds.

        Raises:
            AuditUnavailable: an anchor showed that the log went back, or one lags for too long.
        """
        if self._refusal is not None:
            raise _closed(self._refusal)
        if not self._overdue(ts):
            return
        with self._store.read() as tx:  # another process may have reached them
            self._pending = state.since(tx, self.names)
        if self._overdue(ts):
            raise AuditUnavailable(
                "the audit record was refused",
                why="records wait for an anchor for longer than they may",
                remedy="Mend the way to the anchors and run `privet audit anchor`.",
                reason="anchor.overdue",
            )

    def after(self, ts: int) -> None:
        """Something was recorded: it waits for the anchors from now on."""
        if not self.anchors:
            return
        self._fresh = True
        if self._pending is None:
            self._pending = ts
        if self._thread is None:
            with self._changed:
                self._start()

    def push(self) -> list[Pushed]:
        """Bring the newest checkpoint to every anchor; one that fails does not hold others up."""
        with self._one:
            self._fresh = False
            done = [self._push(anchor) for anchor in self.anchors]
            if self.anchors:
                with self._store.read() as tx:
                    self._pending = state.since(tx, self.names)
        return done

    def close(self) -> None:
        """End the thread; reach the anchors once more where nobody did for a minute."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._pending is not None and self._due() == 0:
            self.push()

    def _look(self, anchor: Anchor) -> None:
        try:
            if isinstance(anchor, FileAnchor):
                file = self._store.file
                anchor.check_volume(None if file is None else file.stat().st_dev)
            kept = list(anchor.kept())
        except StoreUnavailable as error:
            if self.within is not None:
                raise
            _log.warning("anchor-unreadable", anchor=anchor.name, reason=error.reason)
            return
        with self._store.read() as tx:
            head = heads.read(tx)
            known = state.read(tx).get(anchor.name)
            loss = judging.find(tx, 0 if head is None else head.size, kept, self._key())
        if loss is not None:
            raise loss.error()
        if isinstance(anchor, FileAnchor) and known is not None and known.size and not kept:
            raise IntegrityError(
                "an anchor of the audit log was emptied",
                why=f"it took a checkpoint of {known.size} records and holds none",
                remedy="Mount its volume. Where it is lost for good, give a new file.",
                reason="anchor.emptied",
            )

    def _settle(self) -> None:
        failed = [pushed.error for pushed in self.push() if pushed.error is not None]
        for error in failed:
            if error.reason in CLOSED or self.within is not None:
                raise error

    def _overdue(self, ts: int) -> bool:
        pending = self._pending
        return self.within is not None and pending is not None and ts - pending > self.within

    def _push(self, anchor: Anchor) -> Pushed:
        with self._store.read() as tx:
            head = heads.read(tx)
            known = state.read(tx).get(anchor.name, State(anchor.name))
        if head is None or head.size == 0:
            return Pushed(anchor.name, known.size)
        try:
            self._store.settle()  # nobody may hold one that a crash of the server takes back
            checkpoint = self._key().open(head.note)
            lines = anchor.add(self._submission(head.note, checkpoint, known))
            with self._store.write() as tx:
                now = micros(self._clock.now())
                state.succeeded(tx, anchor.name, head.size, now, head.note + lines)
        except HandleInvalid:
            raise
        except PrivetError as error:
            return self._failed(anchor, known, error, head.size)
        return Pushed(anchor.name, head.size)

    def _submission(self, note: bytes, checkpoint: Checkpoint, known: State) -> Submission:
        def prove(old: int) -> Sequence[bytes]:
            with self._store.read() as tx:
                return proof.consistency(tx, old, checkpoint.size)

        def root(size: int) -> bytes:
            with self._store.read() as tx:
                return treestore.root_at(tx, size)

        same = bool(known.note) and unverified(known.note).origin == checkpoint.origin
        at = micros(self._clock.now())
        return Submission(note, checkpoint, prove, root, known.size if same else 0, at)

    def _failed(self, anchor: Anchor, known: State, error: PrivetError, size: int) -> Pushed:
        if error.reason == "anchor.ahead" and self._size() > size:
            # Another process has recorded and anchored more in the meantime.
            return Pushed(anchor.name, known.size)
        if isinstance(error, IntegrityError) and error.reason in CLOSED:
            self._refusal = error
        _log.error("anchor-failed", anchor=anchor.name, reason=error.reason)
        with self._store.write() as tx:
            state.failed(tx, anchor.name, micros(self._clock.now()), error.reason)
        return Pushed(anchor.name, known.size, error)

    def _size(self) -> int:
        with self._store.read() as tx:
            head = heads.read(tx)
        return 0 if head is None else head.size

    def _start(self) -> None:
        if self._thread is None and not self._ended:
            self._thread = threading.Thread(target=self._run, name="privet-anchors", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                waits = self._fresh or self._pending is not None
                wait = self._due() if waits else PACE_S
                if wait == 0:
                    self.push()
                    wait = PACE_S
            except HandleInvalid:
                return
            except PrivetError as error:  # the store is busy or gone: whoever appends is told
                _log.error("anchors-failed", reason=error.reason)
                wait = PACE_S
            with self._changed:
                if not self._ended:
                    self._changed.wait(wait)
                if self._ended:
                    return

    def _due(self) -> float:
        """Seconds until an anchor is due, by when any process tried it last."""
        with self._store.read() as tx:
            known = state.read(tx)
        now = micros(self._clock.now())
        tried = min((known.get(name, State(name)).tried for name in self.names), default=now)
        passed = (now - tried) / 1e6
        # A clock that went back must not put the anchors off for as long.
        return 0.0 if passed < 0 else max(0.0, PACE_S - passed)


def _closed(error: IntegrityError) -> AuditUnavailable:
    return AuditUnavailable(error.what, why=error.why, remedy=error.remedy, reason=error.reason)
