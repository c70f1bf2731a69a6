"""Calls from an event loop: they share a commit, and leave the loop free meanwhile.

    picks = await aio.call(web.recommend, "ada", k=10)

Any call of privet may be made so, as with ``asyncio.to_thread``, and returns or raises what it
would. It runs on the loop's own thread. Where its audit record has to become durable it steps
aside, and the loop goes on with others: the records of all who wait are committed together, and
each goes on after the commit that holds its own. So many requests in flight cost one sync,
without a thread for each and its switches.

Between its records a call computes, and reads from the database, as long as it would in a
thread: a few hundred microseconds for one person. What takes longer (training, imports, files,
maintenance) belongs into ``asyncio.to_thread``.

The stepping aside is greenlet's (https://greenlet.readthedocs.io), as in SQLAlchemy's own asyncio
extension: nothing below needs a second, asynchronous form, so that there is no second gate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar, copy_context
from typing import Any, ParamSpec, TypeVar

from privet.errors import MissingExtra

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_running: ContextVar[Any] = ContextVar("privet_call", default=None)


async def call(
    function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Call something of privet from a task of an event loop; see above.

    A task that is cancelled while it waits for the disk ends with ``CancelledError``: nothing
    is released to it, and its record, an upper bound of what was opened, may stand.

    Args:
        function: such as ``access.recommend``.
        *args: its arguments.
        **kwargs: its keyword arguments.

    Returns:
        what it returns.

    Raises:
        MissingExtra: greenlet is not installed.
    """
    try:
        from greenlet import greenlet
    except ImportError:
        raise MissingExtra("privet.aio", "aio") from None

    def work() -> Any:
        _running.set(own)
        return function(*args, **kwargs)

    own = greenlet(work)
    own.gr_context = copy_context()
    given = own.switch()
    while not own.dead:
        try:
            told = await given
        except BaseException as error:  # it is the call's own to handle, a cancellation too
            given = own.throw(error)
        else:
            given = own.switch(told)
    return given  # type: ignore[no-any-return]


def waiting() -> Callable[[Awaitable[Any]], Any] | None:
    """How the present call waits for something of its loop; None where it may block."""
    own = _running.get()
    if own is None:
        return None
    from greenlet import getcurrent

    # A thread that the call began has a copy of its context, and must not touch the loop.
    return own.parent.switch if getcurrent() is own else None
