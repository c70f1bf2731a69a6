"""The child that looks: the task on standard input, the hits on standard output.

A process of its own, because a process that holds a SQLite connection must never open a
store's file by other means: closing any descriptor of it drops all of that process's locks.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from privet.testing.forms import forms
from privet.testing.inside import Unreadable, inside, is_sqlite, rows
from privet.testing.needles import Needles

NO_PARQUET = 3
UNREADABLE = 4


def look(place: Path, canaries: list[str | bytes]) -> list[tuple[int, str, str, str]]:
    """Number of the canary, file, form and what it stands inside of; each once, in order."""
    meaning: dict[bytes, list[tuple[int, str]]] = {}
    for number, canary in enumerate(canaries):
        for needle, form in forms(canary).items():
            meaning.setdefault(needle, []).append((number, form))
    needles = Needles(meaning)
    hits: set[tuple[int, str, str, str]] = set()
    for file, within, data in _everything(place):
        for needle in needles.found(data):
            hits.update((number, file, form, within) for number, form in meaning[needle])
    return sorted(hits)


def _everything(place: Path) -> Iterator[tuple[str, str, bytes]]:
    for path in _files(place):
        name = str(path.relative_to(place)) if path != place else path.name
        yield name, "its name", os.fsencode(name)
        if path.is_symlink() or not path.is_file():
            continue
        data = path.read_bytes()
        yield name, "", data
        yield from ((name, within, found) for within, found in inside(data))
        if is_sqlite(path):
            for table, row in rows(path):
                yield name, f"table {table}", row
                yield from ((name, f"table {table} > {w}", f) for w, f in inside(row))


def _files(place: Path) -> list[Path]:
    return sorted(place.rglob("*")) if place.is_dir() else [place]


def main() -> int:
    """Read the task, print the hits as JSON."""
    task = json.load(sys.stdin)
    canaries = [
        base64.b64decode(c["bytes"]) if "bytes" in c else str(c["text"]) for c in task["canaries"]
    ]
    try:
        hits = look(Path(task["place"]), canaries)
    except ImportError:
        return NO_PARQUET
    except (Unreadable, OSError):
        return UNREADABLE
    json.dump(hits, sys.stdout)
    return 0
