"""A withdrawal holds: at the next read anywhere, in a running job, and in what is released."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pyroaring import BitMap

import privet
from privet.clock import SystemClock
from privet.gate import read as reading
from privet.policy import load
from privet.recommend import PersonalFrequency

RECS, GROUPS = "recommendations", "segmentation"
PEOPLE = [f"p{n}" for n in range(5)]
Place = dict[str, Any]


@pytest.fixture
def place(where: str, tmp_path: Any) -> Place:
    """Five people who agreed and looked at something; to be opened by any process."""
    texts = load("pack:grocery").documents
    policy = texts["policy"].replace("least: 20}", "least: 1}").replace("floor: 10", "floor: 1")
    (tmp_path / "policy.yaml").write_text(policy)
    (tmp_path / "data.yaml").write_text(texts["data"])
    found: Place = {
        "home": where,
        "policy": tmp_path / "policy.yaml",
        "keyring": f"file:{tmp_path / 'keys'}",
    }
    with opened(found) as shop:
        shop.principal("op", roles=["operator"]).admin.load_items([{"item": "tea", "type": "TEA"}])
        till = shop.principal("till", roles=["storefront"])
        for person in PEOPLE:
            says(shop, person, yes=True)
            till.consent.begin(person, "orders")
            till.purpose("orders").record(
                person,
                "purchase",
                basket=f"{person}-1",
                item="tea",
                quantity=1,
                value="2.50",
                discount="0",
                coupon="0",
                store="s",
            )
    return found


def opened(place: Place) -> privet.Deployment:
    return privet.open(**place, clock=SystemClock(), sync="OFF")


def says(shop: privet.Deployment, person: str, *, yes: bool, **more: Any) -> Any:
    own = shop.subject(person, proof="t").consent
    return own.answer({GROUPS: yes, RECS: yes}, notice="n", how="web", **more)


def withdraws(shop: privet.Deployment, person: str) -> None:
    shop.subject(person, proof="t").consent.withdraw(GROUPS, RECS)


def groups(shop: privet.Deployment) -> privet.Access:
    return shop.principal("nightly", roles=["trainer"]).purpose(GROUPS)


def lists(shop: privet.Deployment) -> privet.Access:
    return shop.principal("web", roles=["storefront"]).purpose(RECS)


def refused(shop: privet.Deployment, person: str) -> bool:
    try:
        groups(shop).features(["recency"], subjects=[person])
    except privet.ConsentMissing:
        return True
    return False


# Elsewhere -----------------------------------------------------------------------------


def _child(place: Place, person: str) -> None:
    with opened(place) as shop:
        withdraws(shop, person)


def in_a_process(place: Place, person: str) -> None:
    process = multiprocessing.get_context("fork").Process(target=_child, args=(place, person))
    process.start()
    process.join()
    assert process.exitcode == 0


def test_it_holds_at_the_next_read_in_the_same_process_and_another_thread(place: Place) -> None:
    with opened(place) as shop:
        assert not refused(shop, "p0")
        withdraws(shop, "p0")
        assert refused(shop, "p0")
        thread = threading.Thread(target=withdraws, args=(shop, "p1"))
        assert not refused(shop, "p1")
        thread.start()
        thread.join()
        assert refused(shop, "p1")


def test_it_holds_at_the_next_read_of_another_connection(place: Place) -> None:
    with opened(place) as one, opened(place) as other:
        assert not refused(other, "p0")  # its caches are warm
        withdraws(one, "p0")
        assert refused(other, "p0")
        assert not lists(other).recommend("p0").personal


def test_it_holds_at_the_next_read_after_another_process(place: Place) -> None:
    with opened(place) as shop:
        assert not refused(shop, "p0")
        in_a_process(place, "p0")
        assert refused(shop, "p0")


def _reader(place: Place, told: Any, stop: Any) -> None:
    seen = []
    with opened(place) as shop:
        access = groups(shop)
        told.put("ready")
        while not stop.is_set():
            for person in PEOPLE:
                began = time.monotonic()
                try:
                    access.features(["recency"], subjects=[person])
                except privet.ConsentMissing:
                    continue
                seen.append((began, person))
    told.put(seen)


def test_no_read_that_began_after_an_acknowledgement_opens_anything(place: Place) -> None:
    """Two reading processes, and one that withdraws: one monotonic clock judges."""
    context = multiprocessing.get_context("fork")
    told, stop = context.Queue(), context.Event()
    readers = [context.Process(target=_reader, args=(place, told, stop)) for _ in range(2)]
    for reader in readers:
        reader.start()
    assert [told.get(timeout=60) for _ in readers] == ["ready"] * 2
    gone = {}
    with opened(place) as shop:
        for person in PEOPLE[:4]:
            time.sleep(0.3)
            withdraws(shop, person)
            gone[person] = time.monotonic()
        time.sleep(0.5)
    stop.set()
    seen = [told.get(timeout=60) for _ in readers]
    for reader in readers:
        reader.join()
    assert all(seen)
    late = [p for reads in seen for began, p in reads if began > gone.get(p, began)]
    assert late == []


# In a running job ----------------------------------------------------------------------


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of one person, so that a job has as many as there are people."""
    monkeypatch.setattr(reading, "CHUNK", 1)


def during(monkeypatch: pytest.MonkeyPatch, after: int, leave: Callable[[], None]) -> None:
    """Let somebody leave when so many chunks were opened."""
    real, seen = reading.Reading.open, []

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        opened_now = real(self, *args, **kwargs)
        seen.append(1)
        if len(seen) == after:
            leave()
        return opened_now

    monkeypatch.setattr(reading.Reading, "open", counted)


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("person", ["p0", "p4"])
def test_whoever_leaves_during_a_job_is_in_nothing_that_it_releases(
    place: Place, monkeypatch: pytest.MonkeyPatch, person: str
) -> None:
    """``p0`` was read already when she left, ``p4`` was still to be read."""
    with opened(place) as shop, opened(place) as other:
        during(monkeypatch, 2, lambda: withdraws(other, person))
        frame = groups(shop).features(["recency"], subjects=PEOPLE)
        assert sorted(frame.index) == [p for p in PEOPLE if p != person]


@pytest.mark.usefixtures("one_by_one")
def test_a_restriction_and_an_erasure_hold_in_a_job_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(place) as shop, opened(place) as other:
        desk = other.principal("d", roles=["privacy-desk"])

        def leave() -> None:
            desk.consent.restrict("p0", reason="contested")
            desk.rights.erase("p1")

        during(monkeypatch, 3, leave)
        frame = groups(shop).features(["recency"])
        assert len(frame) == len(PEOPLE) - 2


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("person", ["p0", "p4"])
def test_lists_of_many_are_made_without_who_left(
    place: Place, monkeypatch: pytest.MonkeyPatch, person: str
) -> None:
    with opened(place) as shop, opened(place) as other:
        desk = shop.principal("nightly", roles=["trainer"]).purpose(RECS)
        desk.models.serve(desk.models.train("habit", PersonalFrequency()))
        assert lists(shop).recommend_many(PEOPLE)["p4"].personal
        during(monkeypatch, 2, lambda: withdraws(other, person))
        found = lists(shop).recommend_many(PEOPLE)
        assert [p for p, picks in found.items() if not picks.personal] == [person]


# The protocol taken away ---------------------------------------------------------------


@pytest.mark.usefixtures("one_by_one")
def test_without_narrowing_again_the_withdrawn_are_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check-then-use alone: what was eligible at the start is opened at the end."""
    with opened(place) as shop, opened(place) as other:
        during(monkeypatch, 2, lambda: withdraws(other, "p4"))
        monkeypatch.setattr(reading, "narrow", lambda tx, parts, decision, snos, **_: snos)
        monkeypatch.setattr(reading.Reading, "still", lambda self, tx, snos: BitMap(snos))
        frame = groups(shop).features(["recency"], subjects=PEOPLE)
        assert "p4" in set(frame.index)


# Answers that contradict each other ------------------------------------------------------


@pytest.mark.parametrize("first", [True, False])
def test_of_two_answers_to_one_question_the_refusal_stands(place: Place, *, first: bool) -> None:
    """Two tabs, one second, the same question: in whichever order they arrive."""
    with opened(place) as shop:
        own = shop.subject("p0", proof="t").consent
        seen = own.ask([RECS])[0]["seen"]
        for yes in (first, not first):
            try:
                says(shop, "p0", yes=yes, seen=seen)
            except privet.StaleAnswer:
                assert yes
        assert own.state()[RECS] == "declined"


def _answers(place: Place, told: Any, yes: bool) -> None:
    with opened(place) as shop:
        seen = shop.subject("p0", proof="t").consent.ask([RECS])[0]["seen"]
        told.put("ready")
        assert told.get() == "go"
        try:
            says(shop, "p0", yes=yes, seen=seen)
        except privet.StaleAnswer:
            assert yes


def test_two_processes_that_contradict_each_other_leave_a_refusal(place: Place) -> None:
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe() for _ in range(2)]
    workers = [
        context.Process(target=_answers, args=(place, Line(far), yes))
        for (_, far), yes in zip(pipes, (True, False), strict=True)
    ]
    for worker in workers:
        worker.start()
    assert [near.recv() for near, _ in pipes] == ["ready"] * 2
    for near, _ in pipes:
        near.send("go")
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with opened(place) as shop:
        assert shop.subject("p0", proof="t").consent.state()[RECS] == "declined"
        assert refused(shop, "p0")


class Line:
    """A pipe's end with the methods of a queue."""

    def __init__(self, end: Any) -> None:
        self.end = end

    def put(self, value: str) -> None:
        self.end.send(value)

    def get(self) -> Any:
        return self.end.recv()


def test_a_replayed_answer_changes_nothing(place: Place) -> None:
    """The same message again: with its id, with its old position, and with neither."""
    with opened(place) as shop:
        own = shop.subject("p0", proof="t").consent
        seen = own.ask([RECS])[0]["seen"]
        says(shop, "p0", yes=True, event_id="e", seen=seen)
        withdraws(shop, "p0")
        assert not says(shop, "p0", yes=True, event_id="e", seen=seen).new
        with pytest.raises(privet.StaleAnswer):
            says(shop, "p0", yes=True, event_id="other", seen=seen)
        with pytest.raises(privet.StaleAnswer):
            shop.principal("d", roles=["privacy-desk"]).consent.on_behalf(
                "p0",
                {RECS: True},
                notice="n",
                channel="replay",
                evidence="none",
                at=SystemClock().now() - timedelta(minutes=1),
            )
        assert own.state()[RECS] == "withdrawn"
