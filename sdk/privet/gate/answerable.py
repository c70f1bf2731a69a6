"""Which text an answer may refer to: pure.

Until the first notice is added a deployment keeps its texts ``ELSEWHERE``: an answer then
names a text by a code of the host's own, of which a hash is kept. From the first notice
on, for good, they are ``KEPT`` here: a purpose that no live notice tells of cannot be
agreed to, and a yes must name a text that was live when it was given. Refusals need
none of this: a no is taken whatever it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from privet import crypto
from privet.consent import GIVING, Told, told
from privet.errors import InvalidInput

Mode = Literal["elsewhere", "kept"]
ELSEWHERE: Final[Mode] = "elsewhere"
KEPT: Final[Mode] = "kept"


def mode(known: Sequence[Told]) -> Mode:
    """Where this deployment keeps the texts that people answer to."""
    return KEPT if known else ELSEWHERE


def find(known: Sequence[Told], given: str) -> Told | None:
    """The notice of a hash, or of a label ``name/version/language``."""
    return next((one for one in known if given in {one.hash, one.label}), None)


def elsewhere(given: str) -> str:
    """The ledger's code of a text that the host keeps itself."""
    return crypto.sha256(given.encode()).hex()[:32] if given else ""


def code_of(
    known: Sequence[Told], purpose: str, kind: str, given: str, at: int, *, claimed: bool
) -> str:
    """What the ledger says of the text that a change refers to.

    Args:
        known: all notices.
        purpose: the purpose of the change.
        kind: its kind; only what gives a consent must name a live text.
        given: a notice's hash or label, or a code of the host's own.
        at: when it was said, UTC microseconds.
        claimed: whether ``at`` is a time in the past that somebody vouches for.

    Raises:
        InvalidInput: no notice tells of the purpose (``notice.missing``), none that is
            kept here was named (``notice.unknown``), or one that was not live then
            (``notice.replaced``).
    """
    named = find(known, given)
    if not known or kind not in GIVING:
        return elsewhere(given) if named is None else named.hash
    first = min((one.at for one in known if purpose in one.purposes), default=None)
    if first is not None and claimed and at < first:
        return elsewhere(given)  # given before any text of it was kept here
    there = told.live(known, purpose, at)
    if not there:
        raise missing("agreed to")
    if named is None or purpose not in named.purposes:
        raise InvalidInput(
            "an answer does not say what the person was shown",
            why="no notice that is kept here and tells of the purpose has this hash",
            remedy="Send back the `notice` that `ask` gave.",
            reason="notice.unknown",
        )
    if named not in there:
        raise InvalidInput(
            "an answer refers to a notice that is no longer live",
            why="a newer version was added",
            remedy="Ask again: `ask` gives the live one.",
            reason="notice.replaced",
        )
    return named.hash


def missing(doing: str) -> InvalidInput:
    """The refusal where no live notice tells of a purpose."""
    return InvalidInput(
        f"a purpose cannot be {doing}",
        why="no live notice tells of it",
        remedy="Add a notice that does: `privet notice add`.",
        reason="notice.missing",
    )
