"""What client libraries would log of a call: requests and answers whole, keys among them.

botocore writes the body of each request and each answer at level DEBUG. A host that turns
DEBUG on for everything would have an epoch's key in its logs. So what these libraries log
during a call, on the thread of the call, is dropped; all else they log is left alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

LIBRARIES: Final = frozenset({"boto3", "botocore", "hvac", "requests", "urllib3"})
_SPEAKERS: Final = (
    "botocore.auth",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.retryhandler",
    "urllib3.connectionpool",
)
"""Loggers that must be there before the first call, whenever their module is loaded."""

_now = threading.local()


class _Silence(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_now, "asking", False)


_SILENCE: Final = _Silence()


@contextmanager
def silence() -> Iterator[None]:
    """Nothing that the libraries log on this thread is written while the block runs."""
    known = [name for name in logging.root.manager.loggerDict if _library(name) in LIBRARIES]
    for name in (*known, *_SPEAKERS):  # a filter counts for its own logger, not for those below
        logging.getLogger(name).addFilter(_SILENCE)
    before = getattr(_now, "asking", False)
    _now.asking = True
    try:
        yield
    finally:
        _now.asking = before


def _library(logger: str) -> str:
    return logger.partition(".")[0]
