"""What a restore is going to do, decided once and kept in the home until it is done.

A restore that was cut off goes on by the same plan: a second look would find half of the first
one's work, and count the timeline up twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from privet.audit.checkpoint import unverified
from privet.audit.origin import timeline_of
from privet.backup import anchored
from privet.backup.numbers import ROOM, highest
from privet.db.home import RESTORING
from privet.errors import InvalidInput

if TYPE_CHECKING:
    from privet.audit.anchors.base import Kept
    from privet.backup.looking import Log
    from privet.db import Home

MOST_TIMELINES = 2**16 - 1
"""A cell's header counts them in 16 bits."""
MOST_WORDS = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore does.

    Attributes:
        backup: number of the backup; empty for a home that stays where it is.
        timeline: the new one.
        first: the next ordinal that is given out.
        size: records of the log that are kept.
        root: Merkle root over them, hex.
        previous: the verifier key under which the log was signed.
        checkpoint: the newest checkpoint of that name which is known anywhere.
        lost: records that the newest anchor knows of and nobody has any more.
        words: why a loss is accepted, with a salt, as JSON; empty where nobody said so.
    """

    backup: str
    timeline: int
    first: int
    size: int
    root: str
    previous: str
    checkpoint: str
    lost: int
    words: str


def decide(
    home: Home, log: Log, backup: str, kept: Sequence[Sequence[Kept]], accept_loss: str | None
) -> Plan:
    """Decide what a restore does.

    Args:
        home: the three stores, closed for everybody else.
        log: what the log says.
        backup: number of the backup; empty for none.
        kept: of each anchor the checkpoints that it keeps, oldest first.
        accept_loss: why the loss of records is accepted, in words.

    Raises:
        StoreUnavailable: a checkpoint is ahead of the log, and nobody accepts that
            (``restore.behind``).
        IntegrityError: one is of another history or deployment (``anchor.forked``,
            ``anchor.foreign``).
        InvalidInput: the words are too long (``restore.words``), or this deployment was restored
            as often as it may be (``restore.timelines``).
    """
    with home.audit.read() as tx:
        found = [anchored.lost(tx, log.head.size, one, log.key) for one in kept if one]
    ahead = max(
        (one for one in found if one is not None),
        key=lambda one: unverified(one.note).size,
        default=None,
    )
    newest = log.head.note
    lost = 0
    if ahead is not None:
        named = unverified(ahead.note)
        lost = named.size - log.head.size
        if not (accept_loss and accept_loss.strip()):
            raise anchored.behind(lost)
        if named.origin == log.key.name:
            newest = ahead.note
    timeline = max(_of_keys(home), log.timeline, *(_timeline(k) for one in kept for k in one)) + 1
    if timeline > MOST_TIMELINES:
        raise InvalidInput(
            "this deployment was restored as often as it may be",
            remedy="Begin a new deployment, and bring in what people agree to there.",
            reason="restore.timelines",
        )
    return Plan(
        backup=backup,
        timeline=timeline,
        first=highest(home) + 1 + ROOM + lost,
        size=log.head.size,
        root=unverified(log.head.note).root.hex(),
        previous=log.key.vkey,
        checkpoint=newest.decode(),
        lost=lost,
        words=_words(accept_loss) if accept_loss and accept_loss.strip() else "",
    )


def read(home: Home) -> Plan | None:
    """The plan that a restore left which was cut off; None where it had made none."""
    rows = home.audit.all("SELECT value FROM meta WHERE key = ?", (RESTORING,))
    told = json.loads(bytes(rows[0][0])) if rows else {}
    return Plan(**told["plan"]) if "plan" in told else None


def begin(home: Home, plan: Plan | None = None) -> None:
    """Close the home until the restore ends, and keep its plan there."""
    mark = json.dumps({} if plan is None else {"plan": asdict(plan)}).encode()
    with home.audit.write() as tx:
        tx.run(
            "INSERT INTO meta (key, value) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (RESTORING, mark),
        )


def end(home: Home) -> None:
    """Open the home: the last thing that a restore does."""
    with home.audit.write() as tx:
        tx.run("DELETE FROM meta WHERE key = ?", (RESTORING,))


def _of_keys(home: Home) -> int:
    rows = home.keys.all("SELECT value FROM meta WHERE key = 'timeline'")
    return int(bytes(rows[0][0])) if rows else 1


def _timeline(kept: Kept) -> int:
    named = timeline_of(unverified(kept.note).origin)
    return named[1] if named else 1


def _words(accept_loss: str) -> str:
    if len(accept_loss) > MOST_WORDS:
        raise InvalidInput(
            "the words that accept a loss are too long",
            why=f"they have more than {MOST_WORDS} characters",
            reason="restore.words",
        )
    return json.dumps({"words": accept_loss, "salt": os.urandom(16).hex()}, ensure_ascii=False)
