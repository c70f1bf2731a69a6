"""Where the hashes of a log lie: tiles of 256, as C2SP tlog-tiles cuts and names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 256


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of the tree of a certain size.

    Attributes:
        level: 0 holds leaf hashes; level L, roots of whole tiles of level L - 1.
        index: its place in the level, from 0.
        width: how many hashes it has, 1 to 256.
    """

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its name in an export, such as ``tile/0/x001/067.p/17``."""
        return f"tile/{self.level}/{self._number}"

    @property
    def entries_path(self) -> str:
        """The name of the entry bundle under it (level 0 only)."""
        return f"tile/entries/{self._number}"

    @property
    def _number(self) -> str:
        number = f"{self.index % 1000:03d}"
        rest = self.index // 1000
        while rest:
            number = f"x{rest % 1000:03d}/{number}"
            rest //= 1000
        return number if self.width == WIDTH else f"{number}.p/{self.width}"


def tiles(size: int) -> Iterator[Tile]:
    """All tiles of a tree of ``size`` leaves, whole and partial, level by level."""
    level, hashes = 0, size
    while hashes:
        whole, rest = divmod(hashes, WIDTH)
        yield from (Tile(level, index) for index in range(whole))
        if rest:
            yield Tile(level, whole, rest)
        level, hashes = level + 1, whole


def completed(old: int, new: int) -> Iterator[Tile]:
    """The tiles that become whole while a tree grows, each after those below it."""
    level, old, new = 0, old // WIDTH, new // WIDTH
    while old < new:
        yield from (Tile(level, index) for index in range(old, new))
        level, old, new = level + 1, old // WIDTH, new // WIDTH
