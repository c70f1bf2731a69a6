"""Which text an answer may refer to: pure.

Until the first notice is added a deployment keeps its texts ``ELSEWHERE``: an answer then
names a text by a code of the host's own, of which a hash is kept. From the first notice
on, for good, they are ``KEPT`` here: a purpose that no live notice tells of cannot be
agreed to, and a yes must name a text that was live when it was given. Refusals need
none of this: a no is taken whatever it names.
"""

from __future__ import annotations

from bisect import bisect_right
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


class Texts:
    """The texts that answers may refer to, for any number of answers to one of them.

    Args:
        known: all notices, in the order of the log.
        given: a notice's hash or label, or a code of the host's own.
    """

    def __init__(self, known: Sequence[Told], given: str) -> None:
        self._known = known
        self._named = find(known, given)
        self._code = elsewhere(given) if self._named is None else self._named.hash
        self._elsewhere = elsewhere(given)
        self._instants = sorted({one.at for one in known})
        self._there: dict[tuple[str, int], list[Told]] = {}

    def code(self, purpose: str, kind: str, at: int, *, claimed: bool) -> str:
        """What the ledger says of the text that a change refers to.

        Args:
            purpose: the purpose of the change.
            kind: its kind; only what gives a consent must name a live text.
            at: when it was said, UTC microseconds.
            claimed: whether ``at`` is a time in the past that somebody vouches for.

        Raises:
            InvalidInput: no notice tells of the purpose (``notice.missing``), none that
                is kept here was named (``notice.unknown``), or one that was not live then
                (``notice.replaced``).
        """
        if not self._known or kind not in GIVING:
            return self._code
        there = self._live(purpose, at)
        if there and self._named in there:
            return self._code
        first = min((one.at for one in self._known if purpose in one.purposes), default=None)
        if first is not None and claimed and at < first:
            return self._elsewhere  # given before any text of it was kept here
        if not there:
            raise missing("agreed to")
        if self._named is None or purpose not in self._named.purposes:
            raise InvalidInput(
                "an answer does not say what the person was shown",
                why="no notice that is kept here and tells of the purpose has this hash",
                remedy="Send back the `notice` that `ask` gave.",
                reason="notice.unknown",
            )
        raise InvalidInput(
            "an answer refers to a notice that is no longer live",
            why="a newer version was added",
            remedy="Ask again: `ask` gives the live one.",
            reason="notice.replaced",
        )

    def _live(self, purpose: str, at: int) -> list[Told]:
        # What is live changes only when a notice is added.
        key = purpose, bisect_right(self._instants, at)
        if key not in self._there:
            self._there[key] = told.live(self._known, purpose, at)
        return self._there[key]


def missing(doing: str) -> InvalidInput:
    """The refusal where no live notice tells of a purpose."""
    return InvalidInput(
        f"a purpose cannot be {doing}",
        why="no live notice tells of it",
        remedy="Add a notice that does: `privet notice add`.",
        reason="notice.missing",
    )
