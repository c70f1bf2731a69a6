"""The figures can be taken, and reach the page; how they turn out is no test's business."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = {"theme", "name", "ours", "peer", "unit", "ratio", "note"}
THEMES = {
    "ingest", "bulk", "point", "serving", "size", "decisions", "reviewing",
    "ledger", "forgetting", "commits", "keeping", "parts",
}  # fmt: skip


def run(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, check=True, capture_output=True, timeout=240
    )


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("figures") / "out.json"
    run("benchmarks", "--quick", "--json", str(path))
    return path


def test_every_theme_gives_rows_of_one_shape(figures: Path) -> None:
    found = json.loads(figures.read_text("utf-8"))
    assert found["machine"].keys() == {
        "cores", "machine", "system", "python", "sqlite", "load_before",
    }  # fmt: skip
    assert {row["theme"] for row in found["rows"]} == THEMES
    for row in found["rows"]:
        assert row.keys() == COLUMNS
        assert row["ours"] >= 0
        assert (row["ratio"] is None) == (not row["peer"])


def test_figures_reach_the_page_between_its_markers_and_nowhere_else(
    figures: Path, tmp_path: Path
) -> None:
    page = tmp_path / "figures.md"
    page.write_text("before\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nafter\n", "utf-8")
    run("benchmarks.table", str(figures), str(page))
    text = page.read_text("utf-8")
    assert text.startswith("before\n<!-- figures: begin -->\n")
    assert text.endswith("<!-- figures: end -->\nafter\n")
    assert "old" not in text
    assert text.count("\n### ") == len(THEMES)


def test_a_run_of_one_theme_replaces_its_table_alone(figures: Path, tmp_path: Path) -> None:
    page, part = tmp_path / "figures.md", tmp_path / "part.json"
    page.write_text("<!-- figures: begin -->\n<!-- figures: end -->\n", "utf-8")
    run("benchmarks.table", str(figures), str(page))
    before = page.read_text("utf-8").split("### ")
    found = json.loads(figures.read_text("utf-8"))
    rows = [{**row, "ours": 77_777.0} for row in found["rows"] if row["theme"] == "ledger"]
    command = "python -m benchmarks --only ledger --json out.json"
    part.write_text(json.dumps({**found, "rows": rows, "command": command}), "utf-8")
    run("benchmarks.table", str(part), str(page))
    after = page.read_text("utf-8").split("### ")
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert [text.partition("\n")[0] for text in changed] == ["Ledger"]
    assert "`python -m benchmarks --only ledger --json out.json`" in changed[0]
    assert "77,777" in changed[0]


def test_a_page_without_a_place_for_figures_is_left_alone(figures: Path, tmp_path: Path) -> None:
    page = tmp_path / "other.md"
    page.write_text("nothing here\n", "utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        run("benchmarks.table", str(figures), str(page))
    assert page.read_text("utf-8") == "nothing here\n"


def test_the_documentation_has_a_place_for_figures() -> None:
    text = (ROOT / "docs" / "explanation" / "figures.md").read_text("utf-8")
    assert text.count("<!-- figures: begin -->") == text.count("<!-- figures: end -->") == 1
