"""Group commit: what callers ask for at the same time is made durable together.

Nobody waits for a timer. The first caller leads and commits what is there; those who
come meanwhile queue, and one of them leads them all next. A caller returns only
after the commit that holds its own part.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from privet.errors import AuditUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Ticket(Generic[Item, Result]):
    __slots__ = ("done", "error", "item", "result")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = False
        self.error: AuditUnavailable | None = None
        self.result: Result | None = None


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
            while self._leading and not ticket.done:
                self._changed.wait()
            if not ticket.done:
                self._leading = True
                batch, self._queue = self._queue, []
        if not ticket.done:
            self._lead(batch)
        if ticket.error is not None:
            # An exception of its own for each: threads must not share one traceback.
            raise _copy(ticket.error)
        assert ticket.result is not None
        return ticket.result

    def _lead(self, batch: list[_Ticket[Item, Result]]) -> None:
        error: AuditUnavailable | None = AuditUnavailable(
            "the audit record was not made durable", why="its writer was interrupted"
        )
        try:
            results = self._commit([ticket.item for ticket in batch])
            for ticket, result in zip(batch, results, strict=True):
                ticket.result = result
            error = None
        except AuditUnavailable as refusal:
            error = refusal
        finally:
            with self._changed:
                for ticket in batch:
                    ticket.error = error
                    ticket.done = True
                self._leading = False
                self._changed.notify_all()


def _copy(error: AuditUnavailable) -> AuditUnavailable:
    return AuditUnavailable(error.what, why=error.why, remedy=error.remedy, reason=error.reason)
