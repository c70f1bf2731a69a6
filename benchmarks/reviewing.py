"""What it costs to review a policy: a difference, and recorded requests decided again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Row
from privet.policy import Policy, compile_documents, load
from privet.review import diff, lint, replay, unused

if TYPE_CHECKING:
    from benchmarks.bench import Bench

RECORDS = 400_000
QUICK = 4_000
FIELDS = ("purchase.basket", "purchase.item", "view.item")
EDIT = ("fields: [purchase.value, purchase.store]", "fields: [purchase.value]")


def rows(bench: Bench) -> Iterator[Row]:
    """CPU times over records as they are decoded: reading the log costs its own."""
    policy = load("pack:grocery")
    texts = dict(policy.documents)
    candidate = compile_documents({**texts, "policy": texts["policy"].replace(*EDIT)})
    records = list(enumerate(_records(policy, QUICK if bench.size.rounds == 1 else RECORDS)))
    note = "decoded records, one of ten about twenty people"
    rate = len(records) / _cpu(lambda: replay(records, policy, candidate))
    yield Row("reviewing", "replay of recorded requests", rate, None, "1/s", note)
    rate = len(records) / _cpu(lambda: unused(records, policy))
    yield Row("reviewing", "unused permits and fields", rate, None, "1/s", note)
    spent = 1_000 * _cpu(lambda: diff(policy, candidate))
    yield Row("reviewing", "difference of two packs", spent, None, "ms", "every request there is")
    spent = 1_000 * _cpu(lambda: lint(policy))
    yield Row("reviewing", "what looks wrong in a pack", spent, None, "ms", "all codes")


def _cpu(task: Callable[[], Any]) -> float:
    """Seconds of CPU time, the best of three."""
    spent = []
    for _ in range(3):
        begun = time.process_time()
        task()
        spent.append(time.process_time() - begun)
    return min(spent)


def _records(policy: Policy, count: int) -> Iterator[dict[str, Any]]:
    """Bodies as the gate writes them: mostly recommendations, each about one person."""
    for at in range(count):
        body: dict[str, Any] = {"who": f"p{at % 7}", "policy": policy.hash[:16], "ts": at}
        if at % 10 == 9:
            body |= {"kind": "access", "roles": ["analyst", "marketer"], "purpose": "analytics"}
            body |= {"action": "derive", "fields": ["purchase.store", "purchase.value"]}
            body |= {"decision": "permit", "permits": ["store-hours"]}
            body["set"] = {"n": 20, "snos": list(range(at % 5_000, at % 5_000 + 20))}
        elif at % 10 == 8:
            body |= {"kind": "denial", "roles": ["storefront"], "purpose": "recommendations"}
            body |= {"action": "recommend", "reason": "ground.missing"}
        else:
            body |= {"kind": "access", "roles": ["storefront"], "purpose": "recommendations"}
            body |= {"action": "recommend", "fields": list(FIELDS[: 1 + at % 3])}
            body |= {"decision": "permit", "permits": ["suggest"]}
            body["set"] = {"n": 1, "snos": [at % 5_000]}
        yield body
