"""Statements that write, numbered where they reach the driver: on both databases alike.

Before and after each statement that writes, and before and after each commit, is a number
of its own; at the chosen one the process kills itself.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

WRITES = re.compile(
    r"\s*(insert|update|delete|replace|create|alter|drop|truncate|copy|commit|vacuum"
    r"|with\b.*\b(insert|update|delete)\b|pragma\s+wal_checkpoint)",
    re.IGNORECASE | re.DOTALL,
)


def die() -> None:
    """End this process as a crash does."""
    os.kill(os.getpid(), signal.SIGKILL)


class Statements:
    """Counts from when it is armed; at one number it strikes."""

    def __init__(self) -> None:
        self.number = 0
        self.fired = False
        self._at = 0

    def arm(self, at: int, strike: Callable[[], None] = die) -> None:
        """Instrument both drivers of this process, for good: it is a child that ends soon."""
        self._at, self._strike = at, strike
        self._sqlite()
        self._postgresql()

    def _boundary(self) -> None:
        self.number += 1
        if self.number == self._at:
            self.fired = True
            self._strike()

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """A driver's method, with a boundary on both sides where its statement writes."""

        def call(cursor: Any, sql: Any, *rest: Any, **named: Any) -> Any:
            writes = WRITES.match(sql if isinstance(sql, str) else str(sql)) is not None
            if writes:
                self._boundary()
            done = real(cursor, sql, *rest, **named)
            if writes:
                self._boundary()
            return done

        return call

    def _sqlite(self) -> None:
        around = self.around

        class Cursor(sqlite3.Cursor):
            execute = around(sqlite3.Cursor.execute)
            executemany = around(sqlite3.Cursor.executemany)

        class Connection(sqlite3.Connection):
            execute = around(sqlite3.Connection.execute)

            def cursor(self, factory: type[sqlite3.Cursor] = Cursor) -> sqlite3.Cursor:
                return super().cursor(factory)

        real = sqlite3.connect

        def connect(*args: Any, **named: Any) -> sqlite3.Connection:
            return real(*args, **{"factory": Connection, **named})

        sqlite3.connect = sqlite3.dbapi2.connect = connect

    def _postgresql(self) -> None:
        try:
            import psycopg
        except ImportError:
            return
        for owner in (psycopg.Cursor, psycopg.ServerCursor):
            for name in ("execute", "executemany", "copy"):
                if name in vars(owner):
                    setattr(owner, name, self.around(getattr(owner, name)))
