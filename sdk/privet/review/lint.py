"""What is allowed in a policy and still looks wrong: dead, doubled, too broad, untested.

Each finding follows from the compiled meaning, not from how the document is written: a rule is
dead if no request reaches it, doubled if without it every request is answered the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from privet.review import broad, dead, doubled
from privet.review.coverage import coverage
from privet.review.places import FILE, Places, written
from privet.review.remark import Remark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from privet.policy import Policy


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    Attributes:
        code: what kind it is, such as ``"permit.shadowed"``.
        name: the rule, role or purpose that it is about.
        what: what is the matter, in words.
        fix: how to mend it.
        file: the document.
        line: of the rule, from 1.
        column: of the rule, from 1.
    """

    code: str
    name: str
    what: str
    fix: str
    file: str
    line: int
    column: int


def lint(policy: Policy) -> tuple[Finding, ...]:
    """Everything that looks wrong, in the order of the document."""
    places = Places(policy)
    remarks = [
        *dead.remarks(policy),
        *doubled.remarks(policy),
        *broad.remarks(policy, places),
        *_untested(policy),
    ]
    imported = _imported(policy)
    found = []
    for remark in remarks:
        if (remark.section, written(remark.name)) in imported:
            continue  # it is looked at in its pack
        line, column = places.of(places.rule(remark.section, remark.name))
        told = (remark.code, remark.name, remark.what, remark.fix)
        found.append(Finding(*told, FILE, line, column))
    return tuple(sorted(found, key=lambda f: (f.line, f.column, f.code)))


def _imported(policy: Policy) -> set[tuple[str, str]]:
    sections = ("roles", "permits", "denies", "purposes")
    return {(s, name) for pack in policy.imports for s in sections for name in getattr(pack, s)}


_TESTS = {
    "permits": ("permit", "Add a test of what it allows, and one of what it must not."),
    "denies": ("deny", "Add a test that it refuses what a permit would allow."),
    "purposes": ("purpose", "Add a test of who may do what for it."),
}


def _untested(policy: Policy) -> Iterator[Remark]:
    for section, names in coverage(policy).untouched.items():
        kind, fix = _TESTS[section]
        for name in names:
            what = f"no test touches the {kind} `{name}`"
            yield Remark(f"{kind}.untested", section, name, what, fix)
