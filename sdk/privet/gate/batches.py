"""Very many people, some at a time: it bounds memory, and what is lost where work breaks off."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyroaring import BitMap

MANY: Final = 1000


def _unseen(_done: int, _of: int) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How housekeeping goes through people.

    Attributes:
        progress: is told how many are done, and of how many.
        deadline: no batch begins after it but the first; of ``time.monotonic``.
    """

    progress: Callable[[int, int], None] = _unseen
    deadline: float = math.inf

    def batches(self, snos: BitMap, size: int = 0) -> Iterator[BitMap]:
        """Ordinals ascending, at most ``size`` (or ``MANY``) in each batch."""
        size = size or MANY
        for start in range(0, len(snos), size):
            if start and time.monotonic() > self.deadline:
                return
            batch = snos[start : start + size]
            yield batch
            self.progress(start + len(batch), len(snos))


UNHURRIED: Final = Pace()
