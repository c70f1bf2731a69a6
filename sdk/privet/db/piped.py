"""A writer's transaction on PostgreSQL whose statements travel together and whose locks go early.

Statements that nobody waits for cost no journey of their own (libpq's pipeline mode): its
beginning goes with the first question. And it lets its locks go *before* the disk has the
commit: whoever waits for them goes on while this one waits for the disk, and the server syncs
once for all of them.

Why that loses nothing: the block ends only after a second, fully synchronous transaction, and
the server's write-ahead log is one sequence, so that all before it is on the disk as well: this
commit, and each that it built upon. What another process *sees* of it before that may still be
lost with the server; but it acts on it only after a commit of its own, of which the same holds,
or after ``Store.settle``.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from privet.db.store import Tx, _Transaction, translated
from privet.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from privet.db.store import Row, Store

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_LATE = "SET LOCAL synchronous_commit = off"
# Into the server's write-ahead log and nowhere else: its commit waits for the disk.
SETTLE = "SELECT pg_logical_emit_message(true, 'privet', '')"


class PipedTx(Tx):
    """A transaction in a pipeline: whoever asks waits for the answer, nobody else does."""

    __slots__ = ("_asked", "_pipeline")

    def __init__(self, cursor: Any, store: Store, pipeline: Any) -> None:
        super().__init__(cursor, store)
        self._pipeline = pipeline
        self._asked: list[Any] = []

    def must(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Execute a query that has to answer 1; the block does not end well if it does not.

        Nobody waits for the answer before the commit: the query itself has to see to it that
        nothing is written where it answers otherwise.
        """
        own = self._cursor.connection.cursor()
        self._asked.append(own)
        PipedTx(own, self._store, self._pipeline).later(sql, params)

    def check(self) -> None:
        """After the pipeline ended: raise StoreUnavailable where an answer is not 1."""
        for cursor in self._asked:
            with cursor:
                if cursor.fetchone() != (1,):
                    raise StoreUnavailable(
                        f"the {self._store.name} store refused",
                        why="what was to be changed was not as it had been read",
                        reason="store.conflict",
                    )

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Execute a statement and wait for it; the number of rows that it changed."""
        self._execute(sql, params)
        self._answered(self._pipeline.sync)
        return int(self._cursor.rowcount)

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        self._execute(sql, params)
        rows: list[Row] = self._answered(self._cursor.fetchall)
        return rows

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        self._execute(sql, params)
        row: Row | None = self._answered(self._cursor.fetchone)
        return row

    def _answered(self, wait: Callable[[], Any]) -> Any:
        # Here errors come to light that an execution outside of a pipeline would have raised.
        try:
            return wait()
        except Exception as error:  # re-raised, typed and without values
            raise translated(error, self._store) from None


class Piped(_Transaction):
    """Begins at the door, commits on the way out, rolls back where the block raises."""

    __slots__ = ("_failed", "_pipeline", "_tx")

    def __init__(self, store: Store) -> None:
        super().__init__(store, "")
        self._failed = False

    def __enter__(self) -> Tx:
        super().__enter__()
        self._pipeline = self._held[1].pipeline()
        try:
            pipeline = self._pipeline.__enter__()
            self._cursor.execute(_BEGIN)
            self._cursor.execute(_LATE)
        except Exception as error:  # re-raised, typed and without values
            self._end(ended=self._roll_back())
            raise translated(error, self._store) from None
        self._tx = PipedTx(self._cursor, self._store, pipeline)
        return self._tx

    def _commit(self) -> None:
        super()._commit()
        self._cursor.execute(SETTLE)
        self._pipeline.__exit__(None, None, None)
        self._tx.check()

    def _roll_back(self) -> bool:
        self._failed = True
        with suppress(Exception):
            self._pipeline.__exit__(None, None, None)
        return super()._roll_back()

    def _end(self, *, ended: bool) -> None:
        if ended and not self._failed:
            super()._end(ended=True)
            return
        # The driver may think that the server has prepared what came after the error.
        with suppress(Exception):
            self._cursor.close()
        self._held[0].invalidate()
