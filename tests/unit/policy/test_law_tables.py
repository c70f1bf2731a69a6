"""Tables 'what the law asks, where it is in the pack, which test shows it' are true.

Each pack has one at ``docs/policy/<pack>.md``. A name in a table that does not exist fails,
and so does a rule of the pack that no table names.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from privet.policy import Policy, load, packs, pin
from privet.policy.faults import keys
from privet.types import BUILT_IN_PURPOSES

ROOT = Path(__file__).resolve().parents[3]
PAGES = ROOT / "docs" / "policy"
HEAD = ("law", "what it asks", "where it is", "which test shows it", "text")
ABSENT = "not in the pack"
_QUOTED = re.compile(r"`([^`]+)`")
_PIN = re.compile(r"pack:([a-z-]+)@sha256:([0-9a-f]+)")


class Row(NamedTuple):
    law: str
    asks: str
    where: str
    shown: str
    text: str


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows(page: str) -> list[Row]:
    """The rows of every table on a page whose head is that of a law table."""
    found: list[Row] = []
    inside = False
    for line in page.splitlines():
        if not line.startswith("|"):
            inside = False
        elif tuple(cells(line)) == HEAD:
            inside = True
        elif inside and not set(line) <= set("|- :"):
            found.append(Row(*cells(line)))
    return found


@cache
def table(pack: str) -> tuple[Row, ...]:
    return tuple(rows((PAGES / f"{pack}.md").read_text(encoding="utf-8")))


@cache
def policy_of(pack: str) -> Policy:
    return load(f"pack:{pack}")


def requirements(policy: Policy) -> set[str]:
    """Ids under `requires` of the pack's own document."""
    from privet.policy.problems import Problems
    from privet.policy.reading import read

    document = read(policy.documents["policy"], "policy.yaml", Problems())
    assert document is not None
    return {rule["id"] for rule in document.data.get("requires", ())}


def rules(policy: Policy) -> set[str]:
    """The rules that a table must name: of a law those that it gives, of another all its own."""
    imported = {name for pack in policy.imports for name in (*pack.permits, *pack.denies)}
    permits = {
        name.partition("/")[0]
        for name, permit in policy.permits.items()
        if not policy.protects or permit.purpose in BUILT_IN_PURPOSES
    }
    return (permits | {deny.id for deny in policy.denies} | requirements(policy)) - imported


def exists(test: str) -> bool:
    file, _, name = test.partition("::")
    path = ROOT / file
    return path.is_file() and f"def {name}(" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("pack", packs())
def test_every_name_in_a_table_exists(pack: str) -> None:
    policy = policy_of(pack)
    known = {*policy.roles, *policy.permits, *policy.purposes, *policy.items.reveals, *keys()}
    known |= {deny.id for deny in policy.denies} | requirements(policy) | BUILT_IN_PURPOSES
    tests = {trial.name for trial in policy.trials}
    assert table(pack)
    for row in table(pack):
        named = _QUOTED.findall(row.where)
        wrong = [n for n in named if n not in known and not (ROOT / n).is_file()]
        assert not wrong, (row.law, wrong)
        shown = _QUOTED.findall(row.shown)
        wrong = [t for t in shown if t not in tests and not exists(t)]
        assert not wrong, (row.law, wrong)
        if row.where.startswith(ABSENT):
            assert len(row.where) > len(ABSENT) + 2, (row.law, "says why")
        else:
            assert named, (row.law, "names nothing")
            assert shown, (row.law, "is shown by no test")


@pytest.mark.parametrize("pack", packs())
def test_every_rule_of_a_pack_is_in_its_table(pack: str) -> None:
    named = {name for row in table(pack) for name in _QUOTED.findall(row.where)}
    assert rules(policy_of(pack)) - named == set()


@pytest.mark.parametrize("pack", packs())
def test_each_row_says_whether_the_text_was_checked(pack: str) -> None:
    for row in table(pack):
        checked = row.text.startswith("checked: ") and len(row.text) > len("checked: ")
        assert checked or row.text == "not checked", (row.law, row.text)


@pytest.mark.parametrize("pack", packs())
def test_each_table_is_in_the_navigation(pack: str) -> None:
    assert f"policy/{pack}.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_every_pin_is_of_the_pack_as_it_is() -> None:
    """If not: `privet policy pin pack:NAME` prints what to write."""
    pages = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "policies").rglob("*.*"), ROOT / "README.md"]
    for page in pages:
        for name, _ in _PIN.findall(page.read_text(encoding="utf-8")):
            assert pin(name) in page.read_text(encoding="utf-8"), (page, pin(name))


def test_a_table_that_is_wrong_is_noticed() -> None:
    page = f"| {' | '.join(HEAD)} |\n|---|---|---|---|---|\n"
    (row,) = rows(f"{page}| Art. 1 | a thing | `nothing-here` | none | not checked |\n")
    assert row == Row("Art. 1", "a thing", "`nothing-here`", "none", "not checked")
    assert not exists("tests/unit/policy/test_law_tables.py::test_that_is_not_there")
    assert exists("tests/unit/policy/test_law_tables.py::test_a_table_that_is_wrong_is_noticed")
    assert {"own-rights", "gdpr-auditor", "gdpr-transfers"} <= rules(load("pack:gdpr"))
    assert "serve-people" not in rules(load("pack:gdpr"))
