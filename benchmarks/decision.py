"""What a decision of the policy costs, of the grocery pack."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchmarks.measure import Row
from privet.policy import Ask, Policy, load

if TYPE_CHECKING:
    from benchmarks.bench import Bench

MODEL = """
[request_definition]
r = role, purpose, action, field
[policy_definition]
p = role, purpose, action, field
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.role == p.role && r.purpose == p.purpose && r.action == p.action && r.field == p.field
"""
FIELDS = frozenset({"purchase.item", "purchase.basket"})


def rows(bench: Bench) -> Iterator[Row]:
    """A question that was asked before, one that is new, and one that is refused."""
    policy = load("pack:grocery")
    roles = policy.check_roles(["storefront"])
    ask = Ask(roles, "recommendations", "recommend", FIELDS)
    refused = Ask(roles, "recommendations", "recommend", frozenset({"purchase.value"}))
    table = {(roles, "recommendations", "recommend", FIELDS): True}
    key = next(iter(table))
    repeats = 20 if bench.size.rounds == 1 else 300
    hit = _each(lambda: policy.decide(ask), repeats * 10)
    look_up = _each(lambda: table[key], repeats * 10)
    fresh = _each(_fresh(policy), repeats)
    denied = _each(lambda: policy.decide(refused), repeats)
    yield Row("decision", "asked before", hit, look_up, "µs", "a look-up in a dict")
    if find_spec("casbin") is None:
        yield Row("decision", "never asked before", fresh, None, "µs", "casbin is not installed")
        return
    enforce, rules = _casbin(policy)
    allowed = _each(lambda: all(enforce(*r) for r in _requests(ask)), repeats)
    refusal = _each(lambda: all(enforce(*r) for r in _requests(refused)), repeats)
    note = f"casbin with the same permits as {rules} rules, asked for each field"
    yield Row("decision", "asked before", hit, allowed, "µs", note)
    yield Row("decision", "never asked before", fresh, allowed, "µs", note)
    yield Row("decision", "refused", denied, refusal, "µs", note)


def _fresh(policy: Policy) -> Callable[[], object]:
    """Decides something new each time: another recipient of the same fields."""
    number = itertools.count()
    roles = policy.check_roles(["storefront"])
    return lambda: policy.decide(
        Ask(roles, "recommendations", "recommend", FIELDS, f"nobody-{next(number)}")
    )


def _requests(ask: Ask) -> Iterator[tuple[str, str, str, str]]:
    return (("storefront", ask.purpose, ask.action, field) for field in sorted(ask.fields))


def _casbin(policy: Policy) -> tuple[Callable[..., bool], int]:
    import casbin

    model = casbin.Model()
    model.load_model_from_text(MODEL)
    enforcer = casbin.Enforcer(model)
    rules = [
        [permit.role, permit.purpose, action, field]
        for permit in policy.permits.values()
        for action in sorted(permit.actions)
        for field in sorted(permit.fields)
    ]
    enforcer.add_policies(rules)
    return enforcer.enforce, len(rules)


def _each(call: Callable[[], object], repeats: int) -> float:
    """Microseconds a call, the best of three runs."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(repeats):
            call()
        best = min(best, time.perf_counter() - began)
    return best / repeats * 1e6
