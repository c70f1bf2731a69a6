"""Tests that a policy carries."""

from __future__ import annotations

import pytest

from privet.policy import run_tests

BASE = "tests:\n"


def outcome(edited, given: str, rest: str) -> str:
    line = f"  - {{name: probe, given: {{{given}}}, {rest}, then: allow}}\n"
    policy = edited(policy=((BASE, BASE + line),))
    return next(r.got for r in run_tests(policy) if r.name == "probe")


SEND = "as: chief, for: letters, may: export, fields: [profile.email], to: mailer"
READ = "as: clerk, for: orders, may: read, fields: [purchase.item]"
COUNT = "as: clerk, for: counts, may: derive, fields: [purchase.value]"


@pytest.mark.parametrize(
    ("given", "rest", "got"),
    [
        ("contract: [orders]", READ, "allow"),
        ("", READ, "ConsentMissing"),
        ("agreed: [orders]", READ, "ConsentMissing"),
        ("contract: [orders], restricted: true", READ, "Objected"),
        ("agreed: [letters]", SEND, "ConsentMissing"),
        ("agreed: [letters, suggestions]", SEND, "allow"),
        ("agreed: [letters, suggestions], withdrawn: [suggestions]", SEND, "ConsentMissing"),
        ("agreed: [letters, suggestions], objected: [suggestions]", SEND, "Objected"),
        ("", COUNT, "allow"),
        ("objected: [counts]", COUNT, "Objected"),
        ("objected: [orders]", COUNT, "allow"),
        ("contract: [orders]", "as: nobody, for: orders, may: read", "AccessDenied"),
        (
            "contract: [orders]",
            "as: clerk, for: orders, may: read, fields: [purchase.shoe]",
            "AccessDenied",
        ),
        ("restricted: true", "as: self, for: 'privet:rights', may: read, fields: ['*']", "allow"),
    ],
)
def test_a_test_comes_out_as_the_gate_would_decide(edited, given: str, rest: str, got: str) -> None:
    assert outcome(edited, given, rest) == got


def test_a_wrong_expectation_fails(edited) -> None:
    policy = edited(policy=(("then: ConsentMissing", "then: allow"),))
    (result,) = run_tests(policy)
    assert not result.passed
    assert (result.expected, result.got) == ("allow", "ConsentMissing")
