"""What a decision costs as the rules become many, beside engines that decide the same.

A shop of roles in chains of three, each rule for one purpose and one field of its own, asked
by the role at the end of a chain. Every engine has the same rules and is asked the same.
Times are CPU times: the best of several runs of many calls.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Row
from privet.policy import Ask, Policy, compile_documents

if TYPE_CHECKING:
    from benchmarks.bench import Bench

SIZES = (10, 100, 1_000, 10_000)
QUICK = (10, 100)
DEPTH = 3
PURPOSES = 50
BUDGET_S = 0.2
RUNS = 5

MODEL = """
[request_definition]
r = role, purpose, action, field
[policy_definition]
p = role, purpose, action, field
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.role, p.role) && r.purpose == p.purpose && r.action == p.action && r.field == p.field
"""


@dataclass(frozen=True)
class Rule:
    """One rule: a role may read one field for one purpose."""

    role: str
    purpose: str
    field: str


def rules(count: int) -> list[Rule]:
    """As many rules, spread over roles, purposes and fields; no two for the same field."""
    purposes = min(PURPOSES, max(1, count // 5))
    roles = max(1, count // 30)
    return [
        Rule(f"base-{i % roles}", f"purpose-{i % purposes}", f"f{i // purposes}")
        for i in range(count)
    ]


def rows(bench: Bench) -> Iterator[Row]:
    """Each size: never asked before and asked before, then how flat it is."""
    sizes = QUICK if bench.size.rounds == 1 else SIZES
    fresh: dict[int, float] = {}
    for count in sizes:
        found = rules(count)
        policy, compiled = _compiled(documents(found))
        last = found[-1]
        asked = Ask(
            policy.check_roles([last.role.replace("base", "top")]),
            last.purpose,
            "read",
            frozenset({f"visit.{last.field}"}),
        )
        yield from _rows(policy, asked, found, fresh)
        yield Row("decisions", f"{count:,} rules, compiled", compiled, None, "s", "from the texts")
    note = f"{sizes[-1]:,} rules beside {sizes[0]:,}: 1 is flat"
    yield Row("decisions", "growth", fresh[sizes[-1]], fresh[sizes[0]], "µs", note)


def _compiled(texts: dict[str, str]) -> tuple[Policy, float]:
    """The policy, and seconds of CPU; the engines' own objects are no burden to it."""
    gc.collect()
    gc.freeze()
    try:
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            policy = compile_documents(texts)
            best = min(best, time.process_time() - began)
    finally:
        gc.unfreeze()
    return policy, best


def _rows(policy: Policy, asked: Ask, found: list[Rule], fresh: dict[int, float]) -> Iterator[Row]:
    count = len(found)
    assert policy.decide(asked).allowed
    fresh[count] = _each(lambda: policy._decide(asked))
    known = _each(lambda: policy.decide(asked))
    table = {asked: True}
    look_up = _each(lambda: table[asked])
    name = f"{count:,} rules, asked before"
    yield Row("decisions", name, known, look_up, "µs", "a look-up in a dict")
    for engine, make in ENGINES.items():
        if find_spec(engine.partition(" ")[0]) is None:
            continue
        decide = make(found)
        assert decide()
        name = f"{count:,} rules, never asked before"
        yield Row("decisions", name, fresh[count], _each(decide), "µs", engine)


def documents(found: list[Rule]) -> dict[str, str]:
    """The rules as privet's two documents."""
    fields = list(dict.fromkeys(rule.field for rule in found))
    purposes = list(dict.fromkeys(rule.purpose for rule in found))
    bases = list(dict.fromkeys(rule.role for rule in found))
    data = [
        "privet: data/1",
        "subject: {is: account, id: account}",
        "timezone: UTC",
        "categories: {behaviour: {}}",
        "events:",
        "  visit:",
        "    unique: [f0]",
        "    fields:",
        *(f"      {name}: {{type: int, category: behaviour}}" for name in fields),
    ]
    policy = [
        "privet: policy/1",
        "name: many",
        "data: data.yaml",
        "controller: {name: Example, contact: privacy@example.com}",
        "purposes:",
        *(f"  {name}: {{text: Serve., basis: consent, retention: 1y}}" for name in purposes),
        "roles:",
        "  loader: {}",
        *(line for base in bases for line in _chain(base)),
        "permits:",
        *(
            f"  - {{id: load-{name}, role: loader, for: {name}, may: [collect], fields: [visit.*]}}"
            for name in purposes
        ),
        *(
            f"  - {{id: read-{i}, role: {rule.role}, for: {rule.purpose}, may: [read], "
            f"fields: [visit.{rule.field}]}}"
            for i, rule in enumerate(found)
        ),
    ]
    return {"data": "\n".join(data) + "\n", "policy": "\n".join(policy) + "\n"}


def _chain(base: str) -> Iterator[str]:
    yield f"  {base}: {{}}"
    yield f"  {base.replace('base', 'middle')}: {{inherits: [{base}]}}"
    yield f"  {base.replace('base', 'top')}: {{inherits: [{base.replace('base', 'middle')}]}}"


def _links(found: list[Rule]) -> list[tuple[str, str]]:
    bases = dict.fromkeys(rule.role for rule in found)
    return [
        pair
        for base in bases
        for pair in (
            (base.replace("base", "middle"), base),
            (base.replace("base", "top"), base.replace("base", "middle")),
        )
    ]


def _casbin(found: list[Rule], *, fast: bool) -> Callable[[], bool]:
    import casbin
    from casbin.model import FastModel

    # The fast one keeps the rules by purpose, action and field; only the role is looked up.
    keys = [1, 2, 3]
    model: Any = FastModel(keys) if fast else casbin.Model()
    model.load_model_from_text(MODEL)
    if fast:
        enforcer: Any = casbin.FastEnforcer(model, cache_key_order=keys)
    else:
        enforcer = casbin.Enforcer(model)
    enforcer.add_policies([[r.role, r.purpose, "read", r.field] for r in found])
    enforcer.add_grouping_policies([list(pair) for pair in _links(found)])
    last = found[-1]
    asked = (last.role.replace("base", "top"), last.purpose, "read", last.field)
    return lambda: bool(enforcer.enforce(*asked))


def _cedar(found: list[Rule]) -> Callable[[], bool]:
    import cedarpy

    policies = cedarpy.PolicySet.from_str(
        "\n".join(
            f'permit(principal in Role::"{r.role}", action == Action::"read", '
            f'resource == Field::"{r.purpose}/{r.field}");'
            for r in found
        )
    )
    people = [
        {"uid": {"type": "Role", "id": child}, "attrs": {}, "parents": [{"type": "Role", "id": up}]}
        for child, up in _links(found)
    ]
    entities = cedarpy.Entities.from_json_str(json.dumps(people))
    last = found[-1]
    request = {
        "principal": {"type": "Role", "id": last.role.replace("base", "top")},
        "action": {"type": "Action", "id": "read"},
        "resource": {"type": "Field", "id": f"{last.purpose}/{last.field}"},
        "context": {},
    }
    return lambda: bool(cedarpy.is_authorized(request, policies, entities).allowed)


ENGINES: dict[str, Callable[[list[Rule]], Callable[[], bool]]] = {
    "casbin": lambda found: _casbin(found, fast=False),
    "casbin FastEnforcer": lambda found: _casbin(found, fast=True),
    "cedarpy": _cedar,
}


def _each(call: Callable[[], object]) -> float:
    """Microseconds of CPU a call, the best of several runs."""
    began = time.process_time()
    call()
    once = max(time.process_time() - began, 1e-7)
    repeats = max(1, min(20_000, int(BUDGET_S / RUNS / once)))
    best = float("inf")
    gc.collect()
    gc.disable()
    try:
        for _ in range(RUNS):
            began = time.process_time()
            for _ in range(repeats):
                call()
            best = min(best, time.process_time() - began)
    finally:
        gc.enable()
    return best / repeats * 1e6
