"""Every pack that ships passes what its users are told to run."""

from __future__ import annotations

import pytest

from privet.policy import load, packs, run_tests
from privet.review import coverage, diff, lint


@pytest.mark.parametrize("pack", packs())
def test_a_pack_has_tests_of_every_rule_and_nothing_to_look_at(pack: str) -> None:
    policy = load(f"pack:{pack}")
    assert all(result.passed for result in run_tests(policy))
    untouched = coverage(policy).untouched
    assert untouched == {"permits": [], "denies": [], "purposes": []}
    assert [f"{f.line}: {f.code} {f.name}" for f in lint(policy)] == []
    assert diff(policy, policy).same
