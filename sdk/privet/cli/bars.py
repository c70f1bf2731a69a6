"""Progress on standard error: bars on a terminal, one line a stage elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from privet.cli.screen import Screen

if TYPE_CHECKING:
    from rich.progress import Progress

Advance = Callable[[int], None]
Stage = Callable[[str, int], AbstractContextManager[Advance]]


@contextmanager
def stages(screen: Screen) -> Iterator[Stage]:
    """What a long command calls for each of its stages: ``stage(name, total)``."""
    if not sys.stderr.isatty():
        yield _silent if screen.as_json else _lines
        return
    with _bars() as bars:
        yield lambda name, total: _bar(bars, name, total)


@contextmanager
def measured(screen: Screen, name: str) -> Iterator[Callable[[int, int], None]]:
    """What is told how many are done, of how many: a bar from the first call on."""
    if not sys.stderr.isatty():
        began = time.monotonic()
        last = [0]
        yield lambda done, _of: last.__setitem__(0, done)
        if last[0] and not screen.as_json:
            sys.stderr.write(f"{name}: {last[0]} in {time.monotonic() - began:.1f} s\n")
        return
    with _bars() as bars:
        task = bars.add_task(name, total=None, visible=False)
        yield lambda done, of: bars.update(task, completed=done, total=of, visible=True)


@contextmanager
def named(screen: Screen) -> Iterator[Callable[[str, int, int], None]]:
    """What is told the name of a stage, how many are done in it, and of how many."""
    if not sys.stderr.isatty():
        last: dict[str, int] = {}
        yield lambda name, done, _of: last.__setitem__(name, done)
        for name, done in ({} if screen.as_json else last).items():
            sys.stderr.write(f"{name}: {done}\n")
        return
    with _bars() as bars:
        tasks: dict[str, Any] = {}

        def told(name: str, done: int, of: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=of)
            bars.update(tasks[name], completed=done, total=of)

        yield told


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns: list[Any] = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    return Progress(*columns, console=Console(stderr=True))


@contextmanager
def _bar(bars: Progress, name: str, total: int) -> Iterator[Advance]:
    task = bars.add_task(name, total=total)
    yield lambda done: bars.advance(task, done)
    bars.update(task, completed=total)


@contextmanager
def _lines(name: str, _total: int) -> Iterator[Advance]:
    began = time.monotonic()
    yield lambda _done: None
    sys.stderr.write(f"{name}: {time.monotonic() - began:.1f} s\n")


@contextmanager
def _silent(_name: str, _total: int) -> Iterator[Advance]:
    yield lambda _done: None
