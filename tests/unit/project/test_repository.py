"""What the repository itself promises: two commands, a lock, and nothing of any machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# Written so that no pattern matches its own source.
FOREIGN = {
    "a path of one machine": (
        r"(?<![\w.}])[/](?:work|opt|root|home|Users)[/]\w"
        r"|[/]tmp[/](?:venv|bash)"
        r"|\.\.[/](?:shared|\.library)"
    ),
    "a package registry's host": (
        r"pypi\.org|pythonhosted[.]org|registry\.npmjs|--(?:extra-)?index[-]url"
    ),
    "a tool that wrote it": r"\b(?:c[l]aude|chat[g]pt|co[p]ilot|sub[a]gents?)\b",
    "talk about its making": (
        r"\b(?:this|previous) ses[s]ion\b"
        r"|\bissue #?\d+ (?:as[k]s|sa[y]s|wan[t]s)\b"
        r"|\bdesign no[t]e"
    ),
}


def tracked() -> list[Path]:
    try:
        names = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in names.split("\0") if name]


def texts() -> dict[Path, str]:
    found = {}
    for path in tracked():
        if path.is_symlink() or not path.is_file():
            continue
        try:
            found[path] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


@pytest.mark.parametrize("what", FOREIGN)
def test_tracked_files_name_nothing_outside_the_project(what: str) -> None:
    pattern = re.compile(FOREIGN[what], re.IGNORECASE)
    hits = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path, text in texts().items()
        for match in pattern.finditer(text)
    ]
    assert not hits


def commands() -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return [
        line
        for block in re.findall(r"^```shell\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]


def test_the_readme_has_two_commands_of_one_line_each() -> None:
    demo, tests = commands()
    assert demo.startswith("python3 -m venv .venv && ")
    assert demo.endswith(".venv/bin/privet demo")
    assert tests.startswith("python3 -m venv .venv-test && ")
    assert tests.endswith(".venv-test/bin/pytest -n auto")


def test_the_first_recommendation_takes_at_most_twelve_lines() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert len([line for line in block.splitlines() if line.strip()]) <= 12


def locked() -> dict[str, str]:
    text = (ROOT / "requirements" / "test.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    return {re.split(r"[=\[ ;]", entry, maxsplit=1)[0]: entry for entry in entries}


def test_every_requirement_of_the_lock_is_exact_and_has_a_hash() -> None:
    for name, entry in locked().items():
        assert re.match(r"[a-z0-9.-]+(\[[a-z,]+\])?==\S+", entry), name
        assert "--hash=sha256:" in entry, name


def test_the_lock_covers_what_the_package_and_its_checks_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    groups = project["dependency-groups"]
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    wanted += extras["postgres"] + extras["demo"] + extras["parquet"]
    wanted += groups["test"] + groups["lint"] + groups["docs"]
    names = {
        re.split(r"[<>=!\[ ;]", w, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")
        for w in wanted
    }
    assert names <= set(locked()), sorted(names - set(locked()))
