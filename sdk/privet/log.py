"""privet's own log lines: one JSON object a line, and nothing personal in any of them.

The chain is built by hand over the stdlib logger ``privet``, so that a host's
``structlog.configure`` neither changes it nor switches it off; where the lines go, and
from which level on, stays the host's choice. The rules:

- Redaction is an allow-list. A field passes when its key is in ``KEYS`` and its value is
  an int, a bool, None or a short lower-case code. Every other value becomes
  ``[redacted]``; a key that is not listed may itself be personal, so it is only counted.
- An exception is told by the name of its type and its reason code: never by its text,
  its arguments, its traceback or the locals of a frame.
- What passes is ASCII without control characters, so that no line break, terminal escape
  or writing direction can forge a line (OWASP ASVS 5.0, 16.4.1).
- Records that reach the logger past this module (``logging.getLogger("privet").info``)
  go through the same rules in a filter, arguments, ``exc_info`` and ``extra`` included.

structlog loads with the first line that a handler wants, not with ``import privet``.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from privet.errors import PrivetError

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

REDACTED: Final = "[redacted]"

KEYS: Final = frozenset(
    {
        "action", "attempt", "attempts", "batch", "bytes", "cells", "chunk", "code", "count",
        "decision", "dialect", "domain", "domains", "done", "epoch", "error", "extra", "field",
        "fields", "file", "held", "keyring", "kind", "least", "limit", "line", "metric", "micros",
        "mode", "model", "models", "ok", "origin", "overdue", "pack", "pending", "pid", "policy",
        "position", "purpose", "reason", "refused", "removed", "repeated", "room", "rows", "rule",
        "schema", "sealed", "seq", "size", "state", "status", "step", "store", "subjects", "table",
        "total", "version", "workers",
    }
)  # fmt: skip
"""Keys whose values are codes or numbers by the contract of their callers."""

_CODE = re.compile(r"[a-z0-9][a-z0-9_.:/-]{0,63}", re.ASCII)
_TYPE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_INT_LIMIT = 2**63
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_HOST = logging.getLogger("privet")


class _Line(str):
    """A line that has been through the rules: what the filter lets pass as it is."""

    __slots__ = ()


def redact(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that may be written, in their order.

    Args:
        fields: anything that a caller wants logged.

    Returns:
        Listed keys with their value or ``[redacted]``, and under ``redacted`` how many
        fields were left out because their key is not listed.
    """
    kept = {key: _value(value) for key, value in fields.items() if key in KEYS}
    left_out = len(fields) - len(kept)
    return {**kept, "redacted": left_out} if left_out else kept


def _value(value: object) -> object:
    # Exact types: a subclass may bring a __str__ of its own.
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        return value if abs(value) < _INT_LIMIT else REDACTED
    return _code(value)


def _code(value: object) -> str:
    return value if type(value) is str and _CODE.fullmatch(value) else REDACTED


def _error(cause: object) -> dict[str, str]:
    """Type name and reason of an exception; the one under way where ``cause`` is True."""
    if cause is True:
        cause = sys.exc_info()[1]
    elif isinstance(cause, tuple):
        cause = cause[1] if len(cause) > 1 else None
    if not isinstance(cause, BaseException):
        return {}
    name = type(cause).__name__
    told = {"error": name if _TYPE_NAME.fullmatch(name) else REDACTED}
    if isinstance(cause, PrivetError):
        told["reason"] = _code(cause.reason)
    return told


def _told(level: str, event: object, fields: Mapping[str, object]) -> dict[str, object]:
    """What may be written of an event: its code, level, redacted fields and exception."""
    rest = dict(fields)
    error = _error(rest.pop("exc_info", None)) | _error(rest.get("error"))
    if error:
        rest.pop("error", None)
    return {"event": _code(event), "level": level, **redact(rest), **error}


def _render(_logger: Any, _level: str, event: MutableMapping[str, Any]) -> _Line:
    """The last processor: one JSON object on one line, ASCII only."""
    return _Line(json.dumps(event, separators=(",", ":"), ensure_ascii=True))


class _Gate(logging.Filter):
    """Rewrites every record that did not come through the chain, in place."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Apply the rules; a record is rewritten, never dropped."""
        if type(record.msg) is not _Line:
            event = record.msg if not record.args else None
            level = _code(record.levelname.lower())
            told = _told(level, event, {"exc_info": record.exc_info})
            record.msg = _render(None, "", told)
        record.args = ()
        record.exc_info = record.exc_text = record.stack_info = None
        for name in vars(record).keys() - _PLAIN:
            # A formatter of the host may ask for this attribute: it stays, its value does not.
            if _CODE.fullmatch(name):
                setattr(record, name, REDACTED)
            else:
                delattr(record, name)
        return True


_GATE = _Gate()
_HOST.addFilter(_GATE)
# Without it, warnings of a host that configured no logging would go to standard error.
_HOST.addHandler(logging.NullHandler())


class Logger:
    """A room's logger; cheap to make at import, builds its chain with the first line.

    Example:
        >>> log = get_logger("vault")
        >>> log.info("cells.compacted", cells=12, table="cell")
    """

    __slots__ = ("_chain", "_room")

    def __init__(self, room: str) -> None:
        self._room = room
        self._chain: Any = None

    def debug(self, event: str, /, **fields: object) -> None:
        """Log a step that only a developer of privet wants to see."""
        self._emit("debug", event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Log that something went as it should."""
        self._emit("info", event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Log that somebody should look at something."""
        self._emit("warning", event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Log a failure; ``error=exception`` or ``exc_info=True`` tells its type and reason."""
        self._emit("error", event, fields)

    def _emit(self, level: str, event: str, fields: dict[str, object]) -> None:
        if not _HOST.isEnabledFor(_LEVELS[level]):
            return
        if self._chain is None:
            self._chain = _build()
        _HOST.addFilter(_GATE)  # idempotent: a host may have cleared the filters
        told = _told(level, event, fields | {"room": self._room})
        # Redacted before structlog sees it: a caller's key can never be one of its parameters.
        getattr(self._chain, level)(told.pop("event"), **told)

    def __repr__(self) -> str:
        return f"Logger({self._room!r})"


def get_logger(room: str) -> Logger:
    """The logger of a room of privet.

    Args:
        room: name of the package that logs, such as ``"vault"``; a code.
    """
    return Logger(room)


def _build() -> Any:
    """The structlog chain, every part named so that no global setting takes its place."""
    import structlog

    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="at")
    return structlog.wrap_logger(
        _HOST,
        processors=[stamp, _render],
        wrapper_class=structlog.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )
