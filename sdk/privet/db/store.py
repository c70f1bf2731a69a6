"""One store: short read snapshots, one writer at a time, and nothing held in between.

Rules, each with the accident that it prevents:

- A writer takes the store's file lock around begin *and* commit (SQLite's own busy
  handler starves writers; two connections that commit and checkpoint at the same
  instant can corrupt a WAL before SQLite 3.51.3).
- ``wal_autocheckpoint`` is off: checkpoints happen under the same lock.
- A handle from before a fork is refused: a forked SQLite connection loses locks.
- Statements use ``?``; values never enter SQL text, and no driver error carries them on.

A few connections stay out of SQLAlchemy's pool between transactions: taking one out and
putting it back cost more than the statements of a point read.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from privet.db.causes import cause
from privet.errors import HandleInvalid, PrivetError, StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Engine

Name = Literal["data", "keys", "audit"]
Row = tuple[Any, ...]
Held = tuple[Any, Any]
"""A connection of the pool, and the driver's own within it."""
UNREACHABLE = "store.unreachable"
LOCK_DEADLINE_S = 10.0
BUSY_WAIT_MS = 5000
# A checkpoint that waits for readers makes every writer wait, withdrawals included.
CHECKPOINT_WAIT_MS = 200
CHECKPOINT_EVERY = 1000  # commits between passive checkpoints
# Few commits of an import write much: reading would slow down, and the disk hold it twice.
CHECKPOINT_BYTES = 64 * 2**20
LOG_KEPT_BYTES = CHECKPOINT_BYTES // 2  # what a log that begins anew is cut to
AT_HAND = 4  # connections that stay out of the pool between transactions


class Tx:
    """One open transaction. Statements are written once, with ``?``, for both databases."""

    __slots__ = ("_cursor", "_pg", "_store")

    def __init__(self, cursor: Any, store: Store) -> None:
        self._cursor = cursor
        self._store = store
        self._pg = store.dialect == "postgresql"

    @property
    def for_update(self) -> str:
        """Row lock for a writer: empty on SQLite, where the whole store is locked."""
        return " FOR UPDATE" if self._pg else ""

    @property
    def driver(self) -> Any:
        """The driver's own cursor, for what it alone can: online backup, COPY."""
        return self._cursor

    @property
    def for_share(self) -> str:
        """Row lock that lets other readers publish but holds a withdrawal back."""
        return " FOR SHARE" if self._pg else ""

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        self._execute(sql, params)
        try:
            rows: list[Row] = self._cursor.fetchall()
        except Exception as error:  # the disk may fail at any row, not only at the first
            raise translated(error, self._store) from None
        return rows

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        self._execute(sql, params)
        try:
            row: Row | None = self._cursor.fetchone()
        except Exception as error:  # as above
            raise translated(error, self._store) from None
        return row

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Execute a statement; the number of rows that it changed."""
        self._execute(sql, params)
        return int(self._cursor.rowcount)

    def later(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Execute a statement whose result nobody asks for; by the end it has succeeded."""
        self._execute(sql, params)

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Execute a statement once per row; the number of rows changed by all of them."""
        rows = list(rows)
        if not rows:
            return 0
        try:
            self._cursor.executemany(_placeholders(sql) if self._pg else sql, rows)
        except Exception as error:  # re-raised, typed and without values
            raise translated(error, self._store) from None
        return int(self._cursor.rowcount)

    def _execute(self, sql: str, params: Sequence[Any]) -> None:
        try:
            self._cursor.execute(_placeholders(sql) if self._pg else sql, params)
        except Exception as error:  # re-raised, typed and without values
            raise translated(error, self._store) from None


class Store:
    """A pool of connections to one store, made by ``open_stores``."""

    def __init__(self, name: Name, engine: Engine, lock: FileLock | None) -> None:
        self.name: Name = name
        self.dialect: Literal["sqlite", "postgresql"] = (
            "sqlite" if engine.dialect.name == "sqlite" else "postgresql"
        )
        # For os.stat alone: whoever opens it and closes it again drops SQLite's locks.
        self.file = Path(engine.url.database or "") if self.dialect == "sqlite" else None
        self._engine = engine
        self._lock = lock
        self._pid = os.getpid()
        self._closed = False
        self._commits = 0
        self._at_hand: list[Held] = []
        self._begin_read = "BEGIN" if lock else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def read(self) -> AbstractContextManager[Tx]:
        """A read-only snapshot, consistent over all its statements. Keep it short."""
        return _Transaction(self, self._begin_read)

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of one query, a snapshot of its own: no begin and no commit around it."""
        self.check_handle()
        try:
            return self._all(sql, params)
        except StoreUnavailable as refusal:
            if self._lock is not None or refusal.reason != UNREACHABLE:
                raise
        self._drop_idle()
        return self._all(sql, params)

    def _all(self, sql: str, params: Sequence[Any]) -> list[Row]:
        held, cursor = self._cursor()
        ended = False
        try:
            rows = Tx(cursor, self).all(sql, params)
            ended = True
        finally:
            cursor.close()
            self.put_back(held, ended=ended)
        return rows

    def write(self) -> AbstractContextManager[Tx]:
        """One writer's transaction, durable when the block ends; rolled back when it raises."""
        if self._lock is not None:
            return _Alone(self, self._lock)
        if self.name == "audit":  # every process waits for its one head
            from privet.db.piped import Piped

            return Piped(self)
        return _Transaction(self, "BEGIN ISOLATION LEVEL READ COMMITTED")

    def once(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """One statement as a transaction of its own, durable; sent once, whatever becomes of it.

        Raises:
            StoreUnavailable: it failed, or (``store.unreachable``) nobody knows.
        """
        self.check_handle()
        return self._all(sql, params)

    def settle(self) -> None:
        """Wait until the disk has what this process has seen of others' commits.

        On SQLite it always has.
        """
        if self._lock is None:
            from privet.db.piped import SETTLE

            self.once(SETTLE)

    def committed(self) -> None:
        """Count a writer's commit, under the lock; a checkpoint follows now and then."""
        self._commits += 1
        if self._commits % CHECKPOINT_EVERY == 0 or self._log_bytes() > CHECKPOINT_BYTES:
            self._pragma("PRAGMA wal_checkpoint(PASSIVE)")

    def _log_bytes(self) -> int:
        try:
            return Path(f"{self.file}-wal").stat().st_size
        except OSError:  # nothing was written yet, or the file is gone: others notice that
            return 0

    def truncate_log(self) -> bool:
        """Empty the write-ahead log, so that deleted bytes are gone from it.

        Returns:
            Whether it is empty now. False where a reader still holds it: try again
            later. On PostgreSQL True: its promise is the epoch's date (see the threat model).
        """
        self.check_handle()
        if self._lock is None:
            return True
        with self._lock.held(self.name):
            busy, log, done = self._pragma("PRAGMA wal_checkpoint(TRUNCATE)", CHECKPOINT_WAIT_MS)
        return busy == 0 and log == done

    def vacuum(self) -> None:
        """Rewrite the store, so that no deleted byte is left in its pages."""
        self.check_handle()
        if self._lock is None:
            return
        with self._lock.held(self.name):
            self._pragma("VACUUM")

    def close(self) -> None:
        """Close every connection; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        if os.getpid() != self._pid:  # a child never touches its parent's connections
            self._engine.dispose(close=False)
            return
        if self._lock is None:
            self._dispose()
            return
        # SQLite checkpoints when its last connection closes: under the lock as well.
        with self._lock.held(self.name):
            self._dispose()
        self._lock.close()

    def _dispose(self) -> None:
        while self._at_hand:
            self._at_hand.pop()[0].close()
        self._engine.dispose()

    def check_handle(self) -> None:
        """Raise HandleInvalid where this handle may not be used."""
        if self._closed:
            raise HandleInvalid(
                "this deployment is closed", why="close() was called", reason="handle.closed"
            )
        if os.getpid() != self._pid:
            raise HandleInvalid(
                "a handle from before a fork was refused",
                why="database connections and locks do not survive fork()",
                reason="handle.forked",
            )

    def begun(self, begin: str) -> tuple[Held, Any]:
        """A connection in a transaction; one that a server ended while it was idle is replaced."""
        try:
            return self._cursor(begin)
        except StoreUnavailable as refusal:
            if self._lock is not None or refusal.reason != UNREACHABLE:
                raise
        self._drop_idle()
        return self._cursor(begin)

    def _drop_idle(self) -> None:
        """Where a server ended one connection that was idle, it ended the others as well."""
        while self._at_hand:
            self._at_hand.pop()[0].invalidate()
        self._engine.dispose()

    def _cursor(self, begin: str = "") -> tuple[Held, Any]:
        held = None
        try:
            held = self._take()
            cursor = held[1].cursor()
            if begin:
                cursor.execute(begin)
        except Exception as error:  # re-raised, typed and without values
            if held is not None:
                # SQLite's are never closed without the store's lock.
                (held[0].close if self._lock else held[0].invalidate)()
            raise translated(error, self) from None
        return held, cursor

    def _take(self) -> Held:
        while True:
            try:
                held = self._at_hand.pop()
            except IndexError:
                pooled = self._engine.raw_connection()
                held = pooled, pooled.driver_connection
            if self._lock is not None or quiet(held[1]):
                return held
            # The server has said something unasked: that it ends this connection, and so others.
            held[0].invalidate()

    def put_back(self, held: Held, *, ended: bool) -> None:
        """Keep a connection whose transaction ended at hand; the pool resets any other."""
        if ended and not self._closed and len(self._at_hand) < AT_HAND:
            self._at_hand.append(held)
        else:
            held[0].close()

    def _pragma(self, sql: str, wait_ms: int = BUSY_WAIT_MS) -> tuple[int, int, int]:
        try:
            connection = self._engine.raw_connection()
        except Exception as error:  # re-raised, typed and without values
            raise translated(error, self) from None
        try:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={wait_ms}")
            row = cursor.execute(sql).fetchone() or (0, 0, 0)
            cursor.execute(f"PRAGMA busy_timeout={BUSY_WAIT_MS}")
            return int(row[0]), int(row[1]), int(row[2])
        except Exception as error:  # re-raised, typed and without values
            raise translated(error, self) from None
        finally:
            connection.close()


class _Transaction:
    """Begins at the door, commits on the way out, rolls back where the block raises."""

    __slots__ = ("_begin", "_cursor", "_held", "_store")

    def __init__(self, store: Store, begin: str) -> None:
        self._store = store
        self._begin = begin

    def __enter__(self) -> Tx:
        self._store.check_handle()
        self._held, self._cursor = self._store.begun(self._begin)
        return Tx(self._cursor, self._store)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        ended = False
        try:
            if kind is not None:
                ended = self._roll_back()
                return
            try:
                self._commit()
                ended = True
            except Exception as failure:  # re-raised, typed and without values
                ended = self._roll_back()
                raise translated(failure, self._store) from None
        finally:
            self._end(ended=ended)

    def _commit(self) -> None:
        self._cursor.execute("COMMIT")

    def _roll_back(self) -> bool:
        # The first error is the one to tell; the pool resets what this cannot.
        with suppress(Exception):
            self._cursor.execute("ROLLBACK")
            return True
        return False

    def _end(self, *, ended: bool) -> None:
        with suppress(Exception):
            self._cursor.close()  # a statement left open would hold the snapshot
        self._store.put_back(self._held, ended=ended)


class _Alone(_Transaction):
    """SQLite's one writer: the store's lock is held from before begin until after commit."""

    __slots__ = ("_lock",)

    def __init__(self, store: Store, lock: FileLock) -> None:
        super().__init__(store, "BEGIN IMMEDIATE")
        self._lock = lock

    def __enter__(self) -> Tx:
        self._store.check_handle()  # before the lock, which a child must not wait for
        self._lock.acquire(self._store.name)
        try:
            return super().__enter__()
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            super().__exit__(kind, error, trace)
            if kind is None:
                self._store.committed()
        finally:
            self._lock.release()


class FileLock:
    """``flock`` between processes, a mutex between threads, a deadline for both."""

    def __init__(self, path: Path) -> None:
        import fcntl

        self._fcntl = fcntl
        self._mutex = threading.Lock()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.register_at_fork(after_in_child=self._drop)

    @contextmanager
    def held(self, store: str) -> Iterator[None]:
        """Hold the lock for the block; StoreUnavailable after the deadline."""
        self.acquire(store)
        try:
            yield
        finally:
            self.release()

    def acquire(self, store: str) -> None:
        """Take the lock; StoreUnavailable after the deadline."""
        deadline = time.monotonic() + LOCK_DEADLINE_S
        if not self._mutex.acquire(timeout=LOCK_DEADLINE_S):
            raise _busy(store)
        try:
            self._flock(deadline, store)
        except BaseException:
            self._mutex.release()
            raise

    def release(self) -> None:
        """Let go of the lock."""
        try:
            self._fcntl.flock(self._fd, self._fcntl.LOCK_UN)
        finally:
            self._mutex.release()

    def close(self) -> None:
        """Close the descriptor."""
        self._drop()

    def _flock(self, deadline: float, store: str) -> None:
        pause = 0.0002
        while True:
            try:
                self._fcntl.flock(self._fd, self._fcntl.LOCK_EX | self._fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _busy(store) from None
                time.sleep(pause)
                pause = min(pause * 1.5, 0.005)
            else:
                return

    def _drop(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def quiet(connection: Any) -> bool:
    """Whether a server has sent nothing that nobody asked for: a last word, or the end."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return not waiting.poll(0)


def _busy(store: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"the {store} store is busy",
        why=f"another writer held it for {LOCK_DEADLINE_S:.0f} s",
        remedy="Try again; `privet doctor` shows who holds it.",
        reason="store.busy",
    )


@lru_cache(maxsize=512)
def _placeholders(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


# What the drivers say, as what a caller can do. Their own text may quote values: never passed on.
_CAUSES = (
    ("only grows", "store.guarded", "its rows are neither changed nor deleted"),
    ("disk is full", "store.full", "the disk is full"),
    ("no space", "store.full", "the disk is full"),
    ("disk i/o", "store.io", "the disk did not take or give the bytes"),
    ("readonly", "store.read-only", "it can only be read"),
    ("read-only", "store.read-only", "it can only be read"),
    ("permission", "store.read-only", "it can only be read"),
    ("locked", "store.busy", "another program holds it"),
    ("timeout", "store.busy", "another program holds it"),
    ("no such table", "store.schema", "its tables are missing or older than this version"),
    ("malformed", "store.corrupt", "its file is damaged"),
    ("not a database", "store.corrupt", "its file is damaged"),
    ("unable to open", "store.missing", "its file cannot be opened"),
)


def translated(error: Exception, store: Store) -> PrivetError:
    """A driver's error as one of privet's, without what the driver says."""
    if isinstance(error, PrivetError):
        return error
    known = cause(error)
    if known is not None:
        reason, why = known
        return StoreUnavailable(f"the {store.name} store refused", why=why, reason=reason)
    text = str(error).lower()
    for sign, reason, why in _CAUSES:
        if sign in text:
            return StoreUnavailable(f"the {store.name} store refused", why=why, reason=reason)
    return StoreUnavailable(
        f"the {store.name} store refused", why=f"the driver raised {type(error).__name__}"
    )
