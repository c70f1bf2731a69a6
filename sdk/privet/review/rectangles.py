"""Many points as few products of sets, so that few sentences say them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Product = tuple[frozenset[Any], ...]


def rectangles(points: Iterable[tuple[Any, ...]]) -> list[Product]:
    """Disjoint products of sets that together are these points, each of D coordinates.

    Points that agree in all coordinates but one are joined, coordinate by coordinate.

    >>> rectangles([(1, 3), (1, 4), (2, 3), (2, 4)])
    [(frozenset({1, 2}), frozenset({3, 4}))]
    """
    products: list[Product] = [tuple(frozenset({value}) for value in p) for p in points]
    width = len(products[0]) if products else 0
    for at in reversed(range(width)):
        joined: dict[Product, set[Any]] = defaultdict(set)
        for product in products:
            joined[product[:at] + product[at + 1 :]] |= product[at]
        products = [(*rest[:at], frozenset(those), *rest[at:]) for rest, those in joined.items()]
    return products
