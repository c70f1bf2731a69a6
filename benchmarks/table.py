"""Write the figures of one run into the documentation.

    python -m benchmarks.table out.json [PAGE]

Replaces what stands between the page's two markers, so that every number there comes
from the command that is named beside it. Of a run with ``--only`` it replaces the tables of
its themes alone, each with its own command.
"""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.measure import shown

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "figures.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def main(arguments: list[str]) -> None:
    found = json.loads(Path(arguments[0]).read_text("utf-8"))
    page = Path(arguments[1]) if len(arguments) > 1 else PAGE
    page.write_text(filled(page.read_text("utf-8"), found), "utf-8")


def filled(page: str, found: dict[str, Any]) -> str:
    """The page with the figures of a run between its markers."""
    before, begin, rest = page.partition(BEGIN)
    there, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit("the page has no place for figures")
    if "--only" in found["command"]:
        return f"{before}{BEGIN}{_replaced(there, found)}{END}{after}"
    return f"{before}{BEGIN}\n\n{markdown(found)}\n{END}{after}"


def _replaced(there: str, found: dict[str, Any]) -> str:
    """The tables that stand there, those of the run's themes anew; a new one comes last."""
    about, _, tables = markdown(found).partition("\n")
    parts = {part.partition("\n")[0]: part for part in there.split("### ")}
    for part in tables.split("### ")[1:]:
        title, _, rows = part.partition("\n")
        parts[title] = f"{title}\n\n{about}\n{rows.rstrip()}\n\n"
    return "### ".join(parts.values())


def markdown(found: dict[str, Any]) -> str:
    """A paragraph on the run, then a table for each theme."""
    machine, size = found["machine"], found["size"]
    load = ", ".join(str(x) for x in machine["load_before"])
    about = (
        f"`{found['command']}` over {size['subjects']:,} people and {size['events']:,} events: "
        f"{machine['system']} on {machine['machine']}, {machine['cores']} cores, "
        f"Python {machine['python']}, SQLite {machine['sqlite']}, load before: {load}."
    )
    lines = [about, ""]
    for theme, rows in groupby(found["rows"], key=lambda row: row["theme"]):
        lines += [
            f"### {theme.capitalize()}",
            "",
            "| what | ours | peer | unit | ours / peer | peer and note |",
            "|---|---:|---:|---|---:|---|",
            *(_line(row) for row in rows),
            "",
        ]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    numbers = [shown(row[name]) for name in ("ours", "peer")]
    cells = [row["name"], *numbers, row["unit"], shown(row["ratio"]), row["note"]]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main(sys.argv[1:])
