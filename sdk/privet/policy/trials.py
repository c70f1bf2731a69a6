"""The tests that a policy carries, run on the same decision that the gate takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from privet.policy.when import UNKNOWN, Circumstances

if TYPE_CHECKING:
    from privet.policy.decide import Ask
    from privet.policy.policy import Policy

Outcome = Literal["allow", "AccessDenied", "ConsentMissing", "Objected"]


@dataclass(frozen=True, slots=True)
class Given:
    """The person of a test: for which purposes what holds of her.

    Attributes:
        contract: a contract runs.
        agreed: she agreed.
        withdrawn: she agreed and took it back.
        objected: she objected (GDPR Art. 21).
        restricted: all processing is restricted (Art. 18).
        circumstances: what else is known of her and the moment.
        opted_out: she opted out (Cal. Civ. Code 1798.120, 1798.121).
    """

    contract: frozenset[str]
    agreed: frozenset[str]
    withdrawn: frozenset[str]
    objected: frozenset[str]
    restricted: bool
    circumstances: Circumstances = UNKNOWN
    opted_out: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trial:
    """One test of a policy.

    Attributes:
        name: what it shows.
        given: the person.
        ask: the request; its role is what the document says under `as`.
        then: what must come out.
    """

    name: str
    given: Given
    ask: Ask
    then: Outcome


@dataclass(frozen=True, slots=True)
class TestResult:
    """How a test went.

    Attributes:
        name: the test's name.
        passed: whether ``got`` is ``expected``.
        expected: an outcome.
        got: an outcome.
        reason: the decision's own reason.
    """

    __test__ = False  # its name begins with Test, yet it is none of pytest's

    name: str
    passed: bool
    expected: Outcome
    got: Outcome
    reason: str


def run_tests(policy: Policy) -> list[TestResult]:
    """Run every test of a policy, in the document's order."""
    return [_run(policy, trial) for trial in policy.trials]


def _run(policy: Policy, trial: Trial) -> TestResult:
    decision = policy.decide(trial.ask, trial.given.circumstances)
    if decision.allowed:
        got = _ground(policy, trial.given, decision.grounds)
    else:
        got = "AccessDenied"
    return TestResult(trial.name, got == trial.then, trial.then, got, decision.reason)


def _ground(policy: Policy, given: Given, grounds: tuple[str, ...]) -> Outcome:
    """What the gate would find in the ledger for this person."""
    against = given.objected | given.opted_out
    if grounds and (given.restricted or not against.isdisjoint(grounds)):
        return "Objected"
    for name in grounds:
        basis = policy.purposes[name].basis
        if basis == "consent" and (name not in given.agreed or name in given.withdrawn):
            return "ConsentMissing"
        if basis == "contract" and name not in given.contract:
            return "ConsentMissing"
        if basis == "opt-out" and not policy.purposes[name].stands(
            given.circumstances.jurisdiction
        ):
            return "ConsentMissing"
    return "allow"
