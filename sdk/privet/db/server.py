"""How a PostgreSQL server is reached: verified, within stated times, and the one that it was.

A server elsewhere is reached by TLS whose certificate and host name are verified; anything less
is refused unless the URL says so in words. Nothing waits for ever: connecting, a lock, a
statement, a transaction left idle and a connection of the pool each have their time. Each new
connection is to the server on which the others are, and to one that commits to its disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from privet.db import store
from privet.db.tls import PLAIN, UNVERIFIED, elsewhere, verified
from privet.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import URL, Engine

    from privet.db.store import Name

CONNECT_S = 10
STATEMENT_S = 120
IDLE_S = 120
POOL_WAIT_S = 10
SILENCE_S = 30  # of a network that takes what is sent and never answers
CONNECTIONS = 16
_OWN = ("privet_tls", "privet_connections")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL as it is dialled.

    Attributes:
        url: for the driver, with what it is to verify; it holds a password.
        connections: how many a process holds to each store at most.
    """

    url: URL
    connections: int

    def __repr__(self) -> str:
        return f"Target(connections={self.connections})"


def target(text: str) -> Target:
    """Read the URL of a home.

    Raises:
        InvalidInput: it cannot be read, or does not verify a server elsewhere without saying
            so in words (``store.tls``).
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # their text quotes the password
        raise _unreadable("it is no URL of the form postgresql://user@host/database") from None
    query = {key: value for key, value in url.query.items() if isinstance(value, str)}
    if len(query) < len(url.query):
        raise _unreadable("it names a parameter twice")
    words = query.get("privet_tls")
    connections = _number(query.get("privet_connections"))
    url = url.set(query={k: v for k, v in query.items() if k not in _OWN})
    if words not in {None, PLAIN, UNVERIFIED}:
        raise _unreadable(f"privet_tls is neither {PLAIN} nor {UNVERIFIED}")
    if elsewhere(url):
        url = url.update_query_dict(verified(query, words))
    return Target(url, connections)


def engine(text: str, name: Name, *, durable: bool) -> Engine:
    """A pool of connections to one store.

    Args:
        text: the URL of the home.
        name: the store: its schema is searched first.
        durable: whether commits wait for the disk; False for tests alone.

    Raises:
        InvalidInput: as ``target``.
        MissingExtra: there is no driver.
    """
    from sqlalchemy import create_engine, event

    from privet.db import arrays, identity

    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise MissingExtra("a PostgreSQL home", "postgres") from None
    found = target(text)
    made = create_engine(
        found.url,
        hide_parameters=True,
        pool_size=found.connections,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        connect_args={
            "autocommit": True,
            **_times(found.url.query),
            "options": _options(name, found.url),
        },
    )
    event.listen(made, "connect", arrays.teach)
    event.listen(made, "connect", identity.Same(durable=durable))
    return made


def _times(query: Mapping[str, object]) -> dict[str, int]:
    """The times of the network; what the URL says itself holds."""
    told = {
        "connect_timeout": CONNECT_S,
        "keepalives_idle": SILENCE_S,
        "keepalives_interval": SILENCE_S // 3,
        "keepalives_count": 3,
        "tcp_user_timeout": SILENCE_S * 1000,
    }
    return {key: value for key, value in told.items() if key not in query}


def _options(name: Name, url: URL) -> str:
    times = {
        "lock_timeout": store.LOCK_DEADLINE_S,
        "statement_timeout": STATEMENT_S,
        "idle_in_transaction_session_timeout": IDLE_S,
    }
    told = [f"-c{key}={int(seconds * 1000)}" for key, seconds in times.items()]
    return " ".join([*told, str(url.query.get("options", "")), f"-csearch_path={name}"])


def _number(text: str | None) -> int:
    if text is None:
        return CONNECTIONS
    if not text.isascii() or not text.isdecimal() or not 2 <= int(text) <= 1000:
        raise _unreadable("privet_connections is no number from 2 to 1000")
    return int(text)


def _unreadable(why: str) -> InvalidInput:
    return InvalidInput(
        "the URL of this home cannot be used",
        why=why,
        remedy="See docs/guide/postgresql.md.",
        reason="home.url",
    )
