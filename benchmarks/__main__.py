"""All figures in one run: a table on the terminal, and JSON with what they were taken on.

python -m benchmarks --json out.json
python -m benchmarks --quick
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import (
    bulk,
    commits,
    decisions,
    forgetting,
    ingest,
    keeping,
    ledger,
    measure,
    parts,
    point,
    reviewing,
    serving,
    shop,
    size,
)
from benchmarks.bench import Bench
from benchmarks.measure import Row

THEMES = {
    "ingest": ingest.rows,
    "bulk": bulk.rows,  # before all that packs the cells
    "point": point.rows,
    "serving": serving.rows,
    "size": size.rows,
    "decisions": decisions.rows,
    "reviewing": reviewing.rows,
    "ledger": ledger.rows,
    "forgetting": forgetting.rows,
    "commits": commits.rows,
    "keeping": keeping.rows,
    "parts": parts.rows,
}


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    amount = (
        shop.QUICK
        if options.quick
        else shop.Size(options.subjects, options.events, people=options.people)
    )
    facts = measure.machine()
    screen = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="privet-bench-", dir=options.directory) as place:
        bench = Bench(Path(place), amount)
        with closing(bench):
            found = list(_measured(bench, options.only, screen))
            events = len(bench.sales)
    result = {
        "command": _command(options),
        "machine": facts,
        "size": {"subjects": amount.subjects, "events": events},
        "rows": [row.as_dict() for row in found],
    }
    Console().print(_table(found))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    parser.add_argument("--subjects", type=int, default=shop.Size.subjects)
    parser.add_argument("--events", type=int, default=shop.Size.events, help="a subject")
    parser.add_argument("--people", type=int, default=shop.Size.people, help="in the ledger")
    parser.add_argument("--only", nargs="+", choices=THEMES, default=list(THEMES))
    parser.add_argument("--directory", help="on which disk; the system's temporary one if left out")
    return parser.parse_args(arguments)


def _command(options: argparse.Namespace) -> str:
    """The command that repeats this run; where it ran and what it wrote is left out."""
    words = ["python -m benchmarks"]
    if options.quick:
        words.append("--quick")
    for name in ("subjects", "events", "people"):
        given = getattr(options, name)
        if given != getattr(shop.Size, name):
            words.append(f"--{name} {given}")
    if options.only != list(THEMES):
        words.append(f"--only {' '.join(options.only)}")
    return " ".join([*words, "--json out.json"])


def _measured(bench: Bench, themes: list[str], screen: Console) -> Iterator[Row]:
    for theme in themes:
        with screen.status(f"measuring: {theme}"):
            yield from THEMES[theme](bench)


def _table(found: list[Row]) -> Table:
    table = Table("theme", "what", title="privet beside its peers")
    for column in ("ours", "peer", "unit", "ours / peer"):
        table.add_column(column, justify="right")
    table.add_column("peer and note", style="dim")
    for row in found:
        plain = row.as_dict()
        numbers = [measure.shown(plain[n]) for n in ("ours", "peer")]
        table.add_row(
            row.theme, row.name, *numbers, row.unit, measure.shown(plain["ratio"]), row.note
        )
    return table


if __name__ == "__main__":
    main(sys.argv[1:])
