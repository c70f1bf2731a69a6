"""What a deployment's log is called: one name for each time that it was restored.

Checkpoints that were signed after a backup was taken are true of the log that went on then. What
is signed after that backup was restored is of another log, which shares its beginning. Under one
name the two would be a fork, which is what a witness is there to refuse.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"privet\.dev/([0-9a-f]{32})(?:/([1-9][0-9]{0,4}))?\Z")


def origin_of(deployment: bytes, timeline: int) -> str:
    """The log's name: of the first timeline without a number, then with it."""
    return f"privet.dev/{deployment.hex()}" + (f"/{timeline}" if timeline > 1 else "")


def timeline_of(origin: str) -> tuple[bytes, int] | None:
    """The deployment and timeline that a name says; None for the name of anything else."""
    found = _NAME.match(origin)
    if found is None or found[2] == "1":
        return None
    return bytes.fromhex(found[1]), int(found[2] or 1)
