"""Looking for values where they must not be: every byte under a directory."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from privet.errors import IntegrityError, InvalidInput, MissingExtra
from privet.testing import looking
from privet.testing.forms import LEAST

_CHILD = "from privet.testing.looking import main; raise SystemExit(main())"


@dataclass(frozen=True, slots=True)
class Hit:
    """A value that was found.

    Attributes:
        canary: the value; not shown by ``repr``.
        number: its position among those looked for.
        file: where, relative to the place that was scanned.
        form: how it was written: ``"plain"``, ``"utf-16-le"``, ``"hex"``, ``"base64"``,
            ``"json"``, ``"percent"``, …
        inside: what it stood inside of, such as ``"zlib"`` or ``"table cell"``; empty
            for the file's own bytes.
    """

    canary: str | bytes = field(repr=False)
    number: int
    file: Path
    form: str
    inside: str


def scan(place: str | os.PathLike[str], *canaries: str | bytes) -> list[Hit]:
    """Look for values in every file under a place: stores, write-ahead logs, exports, logs.

    Each is looked for in plain UTF-8, UTF-16 and UTF-32, hex, base64 (at any alignment),
    JSON escapes and percent escapes, in file names too, and within compressed streams,
    archives, parquet pages and rows of SQLite stores. The work is done by a child
    process, so it is safe while a deployment is open.

    Args:
        place: a directory, or one file.
        *canaries: texts (values, ids), or raw bytes (keys); at least six bytes each, or
            they would turn up in ciphertext by chance.

    Raises:
        InvalidInput: a canary is too short, or the place does not exist.
        MissingExtra: there are parquet files, and pyarrow is not installed.
        IntegrityError: a file could not be looked into to its end.
    """
    root = Path(place)
    for canary in canaries:
        _check(canary)
    if not root.exists():
        raise InvalidInput("there is nothing at this place to scan", reason="scan.place")
    if not canaries:
        return []
    return [
        Hit(canaries[number], number, Path(file), form, within)
        for number, file, form, within in _look(root, canaries)
    ]


def _check(canary: object) -> None:
    if not isinstance(canary, str | bytes) or len(_raw(canary)) < LEAST:
        raise InvalidInput(
            "a canary is too short, or neither text nor bytes",
            why=f"fewer than {LEAST} bytes turn up by chance",
            remedy="Look for longer values.",
            reason="scan.canary",
        )


def _raw(canary: str | bytes) -> bytes:
    return canary if isinstance(canary, bytes) else canary.encode("utf-8", "surrogatepass")


def _look(root: Path, canaries: tuple[str | bytes, ...]) -> list[tuple[int, str, str, str]]:
    task = {"place": str(root.absolute()), "canaries": [_packed(c) for c in canaries]}
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    child = subprocess.run(  # noqa: S603 - our own interpreter, our own module
        [sys.executable, "-c", _CHILD],
        input=json.dumps(task),
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    if child.returncode == looking.NO_PARQUET:
        raise MissingExtra("looking into parquet files", "parquet")
    if child.returncode:
        raise IntegrityError(
            "a file could not be looked into to its end",
            why="it is damaged, changed while it was read, or cannot be read",
            remedy="Stop writing to it, and scan again.",
            reason="scan.unreadable",
        )
    hits: list[tuple[int, str, str, str]] = json.loads(child.stdout)
    return hits


def _packed(canary: str | bytes) -> dict[str, str]:
    if isinstance(canary, bytes):
        return {"bytes": base64.b64encode(canary).decode()}
    return {"text": canary}
