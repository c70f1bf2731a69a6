"""Names and numbers of tiles, as C2SP tlog-tiles gives them."""

from __future__ import annotations

import pytest

from privet.audit.tiles import Tile, completed, tiles


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 999), "tile/0/999"),
        (Tile(0, 1000), "tile/0/x001/000"),
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(1, 273, 112), "tile/1/273.p/112"),
        (Tile(2, 1, 1), "tile/2/001.p/1"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tile.entries_path == path.replace(f"tile/{tile.level}/", "tile/entries/")


def test_the_example_of_the_specification_has_its_tiles() -> None:
    # "a tree of size 70,000 is 256 level 0 tiles, a partial one of width 112,
    # one level 1 tile, a partial one of 17, and a partial level 2 tile of 1".
    found = list(tiles(70_000))
    assert [t for t in found if t.width < 256] == [
        Tile(0, 273, 112),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert sum(t.level == 0 for t in found) == 274
    assert sum(t.level == 1 for t in found) == 2


def test_no_records_need_no_tiles() -> None:
    assert not list(tiles(0))


@pytest.mark.parametrize("steps", [(1, 255, 256), (255, 257, 512), (0, 65_535, 65_536, 131_073)])
def test_growth_completes_each_whole_tile_once_and_in_order(steps: tuple[int, ...]) -> None:
    seen: list[Tile] = []
    size = 0
    for step in steps:
        for tile in completed(size, step):
            if tile.level:
                below = {(t.level, t.index) for t in seen}
                assert (tile.level - 1, tile.index * 256 + 255) in below
            seen.append(tile)
        size = step
    whole = [t for t in tiles(size) if t.width == 256]
    assert sorted(seen, key=lambda t: (t.level, t.index)) == whole
