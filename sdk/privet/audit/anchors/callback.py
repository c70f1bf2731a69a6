"""An anchor of the embedder's own: two functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from privet.audit.anchors.base import Kept, Submission, unreachable
from privet.errors import IntegrityError, InvalidInput
from privet.types import check_text

if TYPE_CHECKING:
    from collections.abc import Iterable


class CallbackAnchor:
    """Hands each checkpoint to a function of the embedder's.

    Args:
        keep: is given the signed checkpoint; it has kept it when it returns.
        newest: gives the checkpoint that was kept last, None where there is none; without
            it a log that went back is not noticed here.
        name: which anchor this is.

    Raises:
        InvalidInput: one of them is no function, or the name is no text.
    """

    def __init__(
        self,
        keep: Callable[[bytes], object],
        *,
        newest: Callable[[], bytes | None] | None = None,
        name: str = "callback",
    ) -> None:
        given: tuple[Any, ...] = (keep, newest or keep)
        if not all(map(callable, given)):
            raise InvalidInput(
                "this anchor was refused", why="it is no function", reason="anchor.spec"
            )
        check_text(name, "the name of an anchor")
        self._keep = keep
        self._newest = newest
        self.name = f"callback:{name}"

    def add(self, submission: Submission) -> bytes:
        """Hand the checkpoint on; see ``Anchor.add``."""
        try:
            self._keep(submission.note)
        except Exception as error:  # of any kind, and perhaps with a text that quotes values
            raise unreachable(f"its function raised {type(error).__name__}") from None
        return b""

    def kept(self) -> Iterable[Kept]:
        """The checkpoint that was kept last; see ``Anchor.kept``."""
        try:
            note = None if self._newest is None else self._newest()
        except Exception as error:  # as above
            raise unreachable(f"its function raised {type(error).__name__}") from None
        if note is None:
            return ()
        if not isinstance(note, bytes):
            raise IntegrityError(
                "an anchor's checkpoint cannot be read",
                why="what its function gave is no bytes",
                reason="anchor.damaged",
            )
        return (Kept(note),)
