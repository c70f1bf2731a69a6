"""What PostgreSQL and its driver say, as what a caller can do.

Their own text may quote values and is never passed on: what counts is the SQLSTATE
(PostgreSQL's documentation, appendix A), and where the server said nothing the driver's kind.
"""

from __future__ import annotations

# By state, or by its class.
_STATES = {
    "08": ("store.unreachable", "the connection to the server broke"),
    "28": ("store.login", "the server refused the login"),
    "3D": ("store.unreachable", "the server has no such database"),
    "3F": ("store.schema", "its tables are missing or older than this version"),
    "42P01": ("store.schema", "its tables are missing or older than this version"),
    "42703": ("store.schema", "its tables are missing or older than this version"),
    "42501": ("store.rights", "the role has no right to do this"),
    "25006": ("store.read-only", "it can only be read"),
    "40": ("store.conflict", "another transaction was in the way"),
    "53100": ("store.full", "the disk is full"),
    "53": ("store.busy", "the server has no room for another connection"),
    "55P03": ("store.busy", "another program holds it"),
    "57014": ("store.slow", "a statement took longer than it may"),
    "57": ("store.unreachable", "the server ends its connections"),
    "25P03": ("store.unreachable", "a transaction was left idle for longer than it may"),
    "58": ("store.io", "the disk did not take or give the bytes"),
    "XX001": ("store.corrupt", "its file is damaged"),
    "XX002": ("store.corrupt", "its file is damaged"),
    "P0001": ("store.guarded", "its rows are neither changed nor deleted"),
}


def cause(error: BaseException) -> tuple[str, str] | None:
    """Reason and why of an error of the driver or of its pool; None where it is of neither."""
    kind = type(error)
    if kind.__module__.startswith("sqlalchemy"):
        inner = getattr(error, "orig", None)
        if isinstance(inner, BaseException):
            return cause(inner)
        exhausted = kind.__name__ == "TimeoutError"
        return ("store.busy", "all its connections were in use for too long") if exhausted else None
    if not kind.__module__.startswith("psycopg"):
        return None
    state = getattr(error, "sqlstate", None)
    return _STATES.get(state, _STATES.get(state[:2])) if state else _unspoken(error)


def _unspoken(error: BaseException) -> tuple[str, str] | None:
    """The server did not say it: the driver itself did."""
    text = str(error).lower()
    if "certificate" in text or "ssl" in text:
        return "store.tls", "the server's certificate is not of its name, or of nobody trusted"
    if "authentication" in text or "password" in text or "role " in text:
        return "store.login", "the server refused the login"
    if type(error).__name__ in {"OperationalError", "ConnectionTimeout"}:
        return "store.unreachable", "the server does not answer"
    return None
