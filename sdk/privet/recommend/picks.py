"""What comes back: a list of picks that says whether it is personal, and why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import overload


@dataclass(frozen=True, slots=True, repr=False)
class Pick:
    """One recommended entry.

    Attributes:
        id: names this pick, for feedback events.
        item: the item, or the catalogue entry that the model ranks.
        score: higher is better; comparable within one list only.
        because: the reason in words, from the person's own permitted history.
    """

    id: str
    item: str
    score: float
    because: str


@dataclass(frozen=True, slots=True, repr=False)
class Picks(Sequence[Pick]):
    """A list of recommendations.

    Attributes:
        personal: whether it was made from the person's own data.
        why: where it is not personal, why not.
        record: index of the audit record; -1 where nothing was opened.
        version: the model version; 0 where none was used.
    """

    personal: bool
    why: str
    record: int
    version: int
    picks: tuple[Pick, ...] = field(default=())

    @overload
    def __getitem__(self, index: int) -> Pick: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Pick, ...]: ...
    def __getitem__(self, index: int | slice) -> Pick | tuple[Pick, ...]:
        return self.picks[index]

    def __len__(self) -> int:
        return len(self.picks)

    def __repr__(self) -> str:
        return f"Picks(personal={self.personal}, n={len(self.picks)})"
