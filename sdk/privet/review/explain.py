"""Why a request is allowed or refused, and the smallest change that would allow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from privet.policy.when import UNKNOWN
from privet.review import words
from privet.review.remedies import Remedy, remedies

if TYPE_CHECKING:
    from privet.policy import Ask, Decision, Policy
    from privet.policy.trials import Given
    from privet.policy.when import Circumstances


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer with its reasons.

    Attributes:
        allowed: whether it may be done, as far as is known: with a person, her ground counts.
        sentence: the answer in one sentence.
        decision: what the policy answers.
        needs: what must hold of each person, in words.
        remedies: changes that would allow it, the smallest first; empty where it is allowed.
    """

    allowed: bool
    sentence: str
    decision: Decision
    needs: tuple[str, ...]
    remedies: tuple[Remedy, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data; the decision's own keys stand beside the others."""
        return {
            **self.decision.explain(),
            "allowed": self.allowed,
            "sentence": self.sentence,
            "needs": list(self.needs),
            "changes": [remedy._asdict() for remedy in self.remedies],
        }


def explain(
    policy: Policy, ask: Ask, known: Circumstances = UNKNOWN, person: Given | None = None
) -> Explanation:
    """Answer a request and say why.

    Args:
        policy: who is asked.
        ask: the request.
        known: what is known of the person and the moment, for rules with a condition.
        person: whose ground is looked at, as a test of a policy says her; None for nobody in
            particular: what must hold of her is then told as a need.
    """
    decision = policy.decide(ask, known)
    needs = tuple(_need(policy, name) for name in decision.grounds)
    if not decision.allowed:
        found = remedies(policy, ask, known)
        return Explanation(False, _sentence(policy, ask, decision), decision, needs, found)
    missing = () if person is None else _missing(policy, decision, person)
    sentence = _sentence(policy, ask, decision)
    if missing:
        sentence = f"{sentence}, but there is no ground for it with this person"
    return Explanation(not missing, sentence, decision, needs, missing)


def _sentence(policy: Policy, ask: Ask, decision: Decision) -> str:
    fields = f" {words.fields(ask.fields, [policy])}" if ask.fields else ""
    who = words.who(ask.roles) if ask.roles else "nobody"
    what = f"{ask.action}{fields} for {ask.purpose}{f' to {ask.to}' if ask.to else ''}"
    if decision.allowed:
        by = words.listed(f"`{name}`" for name in decision.permits)
        return f"{who} may {what} by {by}"
    why = decision.explain()["why"]
    refused = f": {words.fields(decision.refused, [policy])}" if decision.refused else ""
    deny = f" (`{decision.deny}`)" if decision.deny else ""
    return f"{who} may not {what}, because {why}{deny}{refused}"


def _need(policy: Policy, purpose: str) -> str:
    return {
        "consent": f"the person must consent to `{purpose}`",
        "contract": f"a contract with the person must run for `{purpose}`",
        "legitimate-interest": f"the person must not have objected to `{purpose}`",
        "legal-obligation": f"the law must oblige to `{purpose}`",
        "vital-interests": f"somebody's vital interests must be at stake for `{purpose}`",
        "opt-out": f"the person must be where `{purpose}` stands, and not have opted out of it",
    }[policy.purposes[purpose].basis]


def _missing(policy: Policy, decision: Decision, given: Given) -> tuple[Remedy, ...]:
    """What this person's grounds lack, as the gate would find it."""
    if decision.grounds and given.restricted:
        line = "her data is restricted (Art. 18): the restriction must be lifted first"
        return (Remedy("person", line),)
    objected = [name for name in decision.grounds if name in given.objected]
    if objected:
        return tuple(Remedy("person", _objection(policy, name)) for name in objected)
    out = [name for name in decision.grounds if name in given.opted_out]
    if out:
        line = "she opted out of `{}`: only she opts in again, and is not asked for twelve months"
        return tuple(Remedy("person", line.format(name)) for name in out)
    lacking = [name for name in decision.grounds if not _holds(policy, name, given)]
    if not lacking:
        return ()
    return (Remedy("person", words.listed(_need(policy, name) for name in lacking)),)


def _objection(policy: Policy, purpose: str) -> str:
    if policy.purposes[purpose].direct_marketing:
        return f"she objected to `{purpose}`, and that is absolute (Art. 21(3))"
    return f"she objected to `{purpose}`: it waits until that is decided (Art. 21(1))"


def _holds(policy: Policy, purpose: str, given: Given) -> bool:
    basis = policy.purposes[purpose].basis
    if basis == "consent":
        return purpose in given.agreed and purpose not in given.withdrawn
    if basis == "opt-out":
        return policy.purposes[purpose].stands(given.circumstances.jurisdiction)
    return basis != "contract" or purpose in given.contract
