"""Group commit: what callers ask for at the same time is made durable together.

Nobody waits for a timer. The first caller leads: she takes the log and commits all who are
there when she has it. Those who come meanwhile queue, and the first of them leads them all
next. A caller goes on only after the commit that holds its own part.

A thread waits at a lock of its own, so that a commit wakes those whom it served, and one to
lead. A task of an event loop waits for a future; what it leads runs in a thread, and one call
into the loop tells all who were served.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from privet.aio import waiting
from privet.errors import AuditUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")
HELPERS = 2  # one commits for tasks; the other begins while it tells them

_INTERRUPTED = AuditUnavailable(
    "the audit record was not made durable", why="its writer was interrupted"
)


class _Ticket(Protocol[Item, Result]):
    """One caller's part: pending while ``outcome`` is empty."""

    item: Item
    outcome: tuple[Result] | AuditUnavailable | None
    chosen: bool

    def wake(self) -> None:
        """Its outcome is there, or where there is none it is to lead."""


class _Threads(Generic[Item, Result]):
    """The part of a thread."""

    __slots__ = ("_asleep", "chosen", "item", "outcome")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.outcome: tuple[Result] | AuditUnavailable | None = None
        self.chosen = False
        self._asleep = threading.Lock()
        self._asleep.acquire()

    def wait(self) -> None:
        """Until woken."""
        self._asleep.acquire()

    def wake(self) -> None:
        """Let the thread go on."""
        self._asleep.release()


class _Tasks(Generic[Item, Result]):
    """The part of a task of an event loop."""

    __slots__ = ("_lead", "_mail", "chosen", "future", "item", "outcome")

    def __init__(
        self, item: Item, mail: _Mail, lead: Callable[[_Tasks[Item, Result]], object]
    ) -> None:
        self.item = item
        self.outcome: tuple[Result] | AuditUnavailable | None = None
        self.chosen = False
        self.future: asyncio.Future[Result] = mail.loop.create_future()
        self._mail = mail
        self._lead = lead

    def wake(self) -> None:
        """Tell the loop, or lead from a thread."""
        if self.outcome is None:
            self._lead(self)
        else:
            self._mail.post(self.deliver)

    def deliver(self) -> None:
        """In the loop: let the task go on, unless it was cancelled."""
        if self.future.done():
            return
        if isinstance(self.outcome, tuple):
            self.future.set_result(self.outcome[0])
        else:
            self.future.set_exception(_copy(self.outcome or _INTERRUPTED))


class _Mail:
    """What one event loop is to be told: called into once for all that is there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._mutex = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()

    def post(self, deliver: Callable[[], None]) -> None:
        """From any thread."""
        with self._mutex:
            self._waiting.append(deliver)
            first = len(self._waiting) == 1
        if first:
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        while self._waiting:
            self._waiting.popleft()()


class Groups(Generic[Item, Result]):
    """Runs ``commit`` over batches; one batch at a time, in order of arrival.

    Args:
        commit: is given what gives the batch, and calls it once: as late as it can, for whoever
            has come by then goes along. It makes the whole batch durable or none of it, and
            gives one result an item. It raises nothing but AuditUnavailable, save for
            interrupts.
    """

    def __init__(self, commit: Callable[[Callable[[], Sequence[Item]]], Sequence[Result]]) -> None:
        self._commit = commit
        self._mutex = threading.Lock()
        self._queue: list[_Ticket[Item, Result]] = []
        self._leading = False
        self._mails: dict[asyncio.AbstractEventLoop, _Mail] = {}
        self._helper: ThreadPoolExecutor | None = None

    def submit(self, item: Item) -> Result:
        """Commit ``item``, with whatever else is waiting, and give its result.

        A call of ``privet.aio`` steps aside meanwhile; any other blocks its thread.

        Raises:
            AuditUnavailable: the batch with this item did not become durable.
        """
        wait = waiting()
        if wait is not None:
            result: Result = wait(self.submit_async(item))
            return result
        ticket: _Threads[Item, Result] = _Threads(item)
        if not self._queued(ticket):
            try:
                ticket.wait()
            except BaseException:
                self._give_up(ticket)
                raise
        if ticket.outcome is None:
            self._lead(ticket)
        outcome = ticket.outcome or _INTERRUPTED
        if isinstance(outcome, AuditUnavailable):
            # An exception of its own for each: threads must not share one traceback.
            raise _copy(outcome)
        return outcome[0]

    async def submit_async(self, item: Item) -> Result:
        """The same for a task of an event loop, which goes on with others meanwhile.

        A task that is cancelled leaves its record: it may be durable already.

        Raises:
            AuditUnavailable: as ``submit``.
        """
        ticket: _Tasks[Item, Result] = _Tasks(item, self._mail(), self._lead_aside)
        if self._queued(ticket):
            self._lead_aside(ticket)
        return await ticket.future

    def _queued(self, ticket: _Ticket[Item, Result]) -> bool:
        """Put a part into the queue; whether its caller is to lead."""
        with self._mutex:
            self._queue.append(ticket)
            leads, self._leading = not self._leading, True
        return leads

    def _lead(self, own: _Ticket[Item, Result]) -> None:
        batch: list[_Ticket[Item, Result]] = []

        def take() -> list[Item]:
            with self._mutex:
                batch[:], self._queue = self._queue, []
            return [ticket.item for ticket in batch]

        outcomes: Sequence[tuple[Result] | AuditUnavailable] = ()
        try:
            outcomes = [(result,) for result in self._commit(take)]
        except AuditUnavailable as refusal:
            if not batch:
                take()
            outcomes = [refusal] * len(batch)
        finally:
            if not batch:
                take()
            self._pass_on()
            if len(outcomes) != len(batch):
                outcomes = [_INTERRUPTED] * len(batch)
            for ticket, outcome in zip(batch, outcomes, strict=True):
                ticket.outcome = outcome
                if ticket is not own or not isinstance(ticket, _Threads):
                    ticket.wake()

    def _lead_aside(self, own: _Ticket[Item, Result]) -> None:
        with self._mutex:
            if self._helper is None:
                self._helper = ThreadPoolExecutor(HELPERS, "privet-log")
        self._helper.submit(self._lead, own)

    def _pass_on(self) -> None:
        with self._mutex:
            following = self._queue[0] if self._queue else None
            self._leading = following is not None
            if following is not None:
                following.chosen = True
        if following is not None:
            following.wake()

    def _give_up(self, ticket: _Ticket[Item, Result]) -> None:
        """Its thread was interrupted while it waited: let nobody wait for it to lead."""
        with self._mutex:
            if ticket in self._queue:
                self._queue.remove(ticket)
        if ticket.chosen and ticket.outcome is None:
            self._pass_on()

    def _mail(self) -> _Mail:
        loop = asyncio.get_running_loop()
        mail = self._mails.get(loop)
        if mail is None:
            kept = {known: mail for known, mail in self._mails.items() if not known.is_closed()}
            mail = kept[loop] = _Mail(loop)
            self._mails = kept
        return mail

    def close(self) -> None:
        """End the thread that leads for tasks."""
        if self._helper is not None:
            self._helper.shutdown(wait=False)


def _copy(error: AuditUnavailable) -> AuditUnavailable:
    return AuditUnavailable(error.what, why=error.why, remedy=error.remedy, reason=error.reason)
