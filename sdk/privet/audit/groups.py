"""Group commit: what callers ask for at the same time is made durable together.

Nobody waits for a timer. The first caller leads and commits what is there; those who
come meanwhile queue, and one of them leads them all next. A caller returns only
after the commit that holds its own part.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from privet.errors import AuditUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


_INTERRUPTED = AuditUnavailable(
    "the audit record was not made durable", why="its writer was interrupted"
)


class _Ticket(Generic[Item, Result]):
    """One caller's part: pending while ``outcome`` is empty."""

    __slots__ = ("item", "outcome")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.outcome: tuple[Result] | AuditUnavailable | None = None


class Groups(Generic[Item, Result]):
    """Runs ``commit`` over batches; one batch at a time, in order of arrival.

    Args:
        commit: makes a whole batch durable or none of it; gives one result an item.
            It raises nothing but AuditUnavailable, save for interrupts.
    """

    def __init__(self, commit: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        self._commit = commit
        self._changed = threading.Condition()
        self._queue: list[_Ticket[Item, Result]] = []
        self._leading = False

    def submit(self, item: Item) -> Result:
        """Commit ``item``, with whatever else is waiting, and give its result.

        Raises:
            AuditUnavailable: the batch with this item did not become durable.
        """
        ticket: _Ticket[Item, Result] = _Ticket(item)
        with self._changed:
            self._queue.append(ticket)
            while self._leading and ticket.outcome is None:
                self._changed.wait()
            if ticket.outcome is None:
                self._leading = True
                batch, self._queue = self._queue, []
        outcome = ticket.outcome or self._lead(batch)[batch.index(ticket)]
        if isinstance(outcome, AuditUnavailable):
            # An exception of its own for each: threads must not share one traceback.
            raise _copy(outcome)
        return outcome[0]

    def _lead(
        self, batch: list[_Ticket[Item, Result]]
    ) -> Sequence[tuple[Result] | AuditUnavailable]:
        outcomes: Sequence[tuple[Result] | AuditUnavailable] = [_INTERRUPTED] * len(batch)
        try:
            results = self._commit([ticket.item for ticket in batch])
            outcomes = [(result,) for result in results]
        except AuditUnavailable as refusal:
            outcomes = [refusal] * len(batch)
        finally:
            with self._changed:
                self._leading = False
                if self._queue or len(batch) > 1:  # else nobody waits
                    self._changed.notify_all()
                for ticket, outcome in zip(batch, outcomes, strict=True):
                    ticket.outcome = outcome
        return outcomes


def _copy(error: AuditUnavailable) -> AuditUnavailable:
    return AuditUnavailable(error.what, why=error.why, remedy=error.remedy, reason=error.reason)
