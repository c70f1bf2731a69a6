"""Several processes on one home: nobody serves what a certificate says is gone."""

from __future__ import annotations

import json
import random
import time
from datetime import datetime
from typing import Any

from privet.audit.verifier import verify_certificate

PURPOSE = "recommendations"
PEOPLE = 230
ERASED = 200
WORKERS = 4


def _serve(told: Any, place: Any, seed: int) -> None:
    """Recommend for anybody until told to stop; keep what was answered when."""
    chance = random.Random(seed)
    answers = []
    stop = place.root / "stop"
    with place.open() as shop:
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        while not stop.exists():
            who = f"p{chance.randrange(PEOPLE)}"
            picks = web.recommend(who, k=3, model=chance.choice(["pairs", "popular"]))
            answers.append((time.time(), who, picks.version, picks.personal))
    (place.root / f"answers-{seed}.json").write_text(json.dumps(answers))
    told.put(len(answers))


def test_four_workers_and_two_hundred_erasures(place, in_child) -> None:
    place.found(PEOPLE)
    workers = [in_child(_serve, place, seed) for seed in range(WORKERS)]
    gone: dict[str, float] = {}
    replaced: list[tuple[float, int]] = []  # from then on, no version below this one
    with place.open() as shop:
        desk = shop.principal("dpo", roles=["privacy-desk"]).rights
        models = shop.principal("nightly", roles=["trainer"]).purpose(PURPOSE).models
        auditor = shop.principal("auditor", roles=["auditor"]).audit
        for n in range(ERASED):
            known = {v.name: v.version for v in models.list()}
            done = desk.erase(f"p{n}")
            while done.state == "pending":  # a reader held a log back: maintenance goes on
                shop.maintenance.run()
                done = desk.erase(f"p{n}")
            gone[f"p{n}"] = time.time()
            assert done.state == "done"
            told = json.loads(done.certificate)["certificate"]["models"]
            assert {m["name"] for m in told} == {"pairs", "popular"}
            for model in told:
                until = datetime.fromisoformat(model["served_until"]).timestamp()
                replaced.append((until, known[model["name"]]))
        assert verify_certificate(done.certificate, vkey=auditor.verifier_key).ok
    (place.root / "stop").touch()
    served = sum(told.get() for _, told in workers)
    for process, _ in workers:
        process.join()
    answers = [
        tuple(line)
        for seed in range(WORKERS)
        for line in json.loads((place.root / f"answers-{seed}.json").read_text())
    ]
    assert len(answers) == served > 100
    assert any(personal for *_, personal in answers)
    late = [
        (at, version)
        for at, _, version, _ in answers
        if version and any(at > until and version == old for until, old in replaced)
    ]
    assert late == []
    assert [who for at, who, _, personal in answers if personal and at > gone.get(who, 1e12)] == []


def _write(told: Any, place: Any, worker: int) -> None:
    with place.open() as shop:
        web = shop.principal("web", roles=["storefront"]).purpose(PURPOSE)
        for n in range(30):
            # Half of the events are everybody's, half are this worker's own.
            key = f"all-{n}" if n % 2 else f"{worker}-{n}"
            web.record(f"p{n % 3}", "view", event_id=key, item="item-1")
            shop.subject(f"w{worker}-{n % 5}", proof="t").consent.answer(
                {PURPOSE: bool(n % 3)}, notice="n", how="web"
            )
    told.put("done")


def test_two_and_four_processes_write_at_once(place, in_child) -> None:
    place.found(6)
    for workers in (2, 4):
        running = [in_child(_write, place, worker) for worker in range(workers)]
        assert [told.get() for _, told in running] == ["done"] * workers
        for process, _ in running:
            process.join()
    with place.open() as shop:
        desk = shop.principal("dpo", roles=["privacy-desk"])
        kept = [e for n in range(3) for e in desk.rights.access(f"p{n}")["events"]["view"]]
        written = [e["event_id"] for e in kept if not e["event_id"].startswith("v")]
        assert sorted(written) == sorted(
            [f"all-{n}" for n in range(1, 30, 2)]
            + [f"{w}-{n}" for w in range(4) for n in range(0, 30, 2)]
        )
        for worker in range(4):
            last = {n % 5: bool(n % 3) for n in range(30)}
            for n, agreed in last.items():
                state = desk.consent.state(f"w{worker}-{n}")[PURPOSE]
                assert (state == "active") is agreed
