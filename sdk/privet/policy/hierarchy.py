"""What inherits from what, at any depth and with many parents."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def closures(parents: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Each name with all it leads to: the least fixpoint of inheritance.

    >>> sorted(closures({"a": ["b"], "b": ["c"], "c": []})["a"])
    ['a', 'b', 'c']
    """
    done: dict[str, frozenset[str]] = {}
    for name in _highest_first(parents):  # so that what a name leads to is known already
        seen: set[str] = set()
        ahead = [name]
        while ahead:
            step = ahead.pop()
            if step in done:
                seen |= done[step]
            elif step not in seen:
                seen.add(step)
                ahead += [parent for parent in parents[step] if parent in parents]
        done[name] = frozenset(seen)
    return {name: done[name] for name in parents}


def _highest_first(parents: Mapping[str, Iterable[str]]) -> list[str]:
    """Every name after those that it leads to, as far as there is no circle."""
    found: dict[str, None] = {}
    met: set[str] = set()
    for name in parents:
        path = [name]
        while path:
            step = path[-1]
            ahead = [p for p in parents[step] if p in parents and p not in met]
            if step not in met:
                met.add(step)
                path += ahead
            else:
                found.setdefault(path.pop())
    return list(found)


def circular(parents: Mapping[str, Iterable[str]]) -> list[str]:
    """The names that lead back to themselves, sorted."""
    return looping(parents, closures(parents))


def looping(
    parents: Mapping[str, Iterable[str]], reached: Mapping[str, frozenset[str]]
) -> list[str]:
    """The same, where the closures are known."""
    return sorted(
        name
        for name, direct in parents.items()
        if any(name in reached.get(parent, frozenset()) for parent in direct)
    )
