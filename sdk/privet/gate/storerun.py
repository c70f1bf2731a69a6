"""What one look at the whole store has gathered so far, and what it works with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from privet.gate.kept import Proof
    from privet.gate.parts import Caller, Parts
    from privet.gate.rollback import Compared
    from privet.gate.storedigest import Writer

Progress = Callable[[int, int], None]
TASK: Final = "store-check"
"""What its records are called."""


@dataclass(slots=True)
class Run:
    """What one pass has gathered so far.

    Attributes:
        parts: the open deployment.
        caller: who looks.
        proof: the oldest row of each purpose and category.
        writer: the digest of all heads.
        compared: an earlier digest beside them, if there is one.
        progress: is told how much is done, and of how much.
        counts: how often each fault was found, by code.
    """

    parts: Parts
    caller: Caller
    proof: Proof
    writer: Writer
    compared: Compared | None
    progress: Progress
    counts: Counter[str] = field(default_factory=Counter)
    people: int = 0
    heads: int = 0
    cells: int = 0
    entries: int = 0
    done: int = 0
    total: int = 0

    def advance(self, by: int) -> None:
        """So much more is done."""
        self.done += by
        self.progress(min(self.done, self.total), self.total)
