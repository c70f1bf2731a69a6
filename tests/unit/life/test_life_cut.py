"""A document that was cut short is noticed: by its mark, or by what is gone."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from tests.corner import DATA, POLICY

from privet.errors import PolicyError
from privet.policy import compile_documents, load
from privet.review.dropped import dropped

MARKED = POLICY.replace("name: corner\n", "end: marked\nname: corner\n") + "...\n"
MARKED_DATA = DATA.replace("subject:", "end: marked\nsubject:") + "...\n"
LATE = POLICY[: POLICY.index("denies:")]
"""As the file is when all but its denies was written."""


@pytest.fixture(params=["sqlite"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One database: nothing here is the database's part."""
    return str(tmp_path / "home")


def compiles(policy: str, data: str) -> bool:
    try:
        compile_documents({"policy": policy, "data": data})
    except PolicyError:
        return False
    return True


def test_a_policy_without_its_end_would_be_a_policy():
    assert compiles(LATE, DATA)
    assert not compile_documents({"policy": LATE, "data": DATA}).denies


def test_a_marked_document_is_refused_wherever_it_is_cut():
    assert compiles(MARKED, MARKED_DATA)
    whole = {len(MARKED), len(MARKED) - 1}  # the very last byte ends the line of the mark
    cuts = [n for n in range(len(MARKED) + 1) if compiles(MARKED[:n], MARKED_DATA)]
    assert set(cuts) == whole
    whole = {len(MARKED_DATA), len(MARKED_DATA) - 1}
    cuts = [n for n in range(len(MARKED_DATA) + 1) if compiles(MARKED, MARKED_DATA[:n])]
    assert set(cuts) == whole


def test_the_mark_must_be_the_last_line():
    for end in ("# ...\n", '"..."\n', " ...\n", "....\n", "", "...\n---\n", "...\nnever: []\n"):
        assert not compiles(MARKED.removesuffix("...\n") + end, MARKED_DATA)


def test_what_is_written_after_the_mark_is_told(tmp_path):
    with pytest.raises(PolicyError) as caught:
        compile_documents({"policy": MARKED + "never: []\n", "data": MARKED_DATA})
    (problem,) = caught.value.problems
    assert problem["line"] == MARKED.count("\n") + 1
    assert "follows the mark" in problem["what"]


def test_the_mark_says_nothing_of_what_is_meant():
    one = compile_documents({"policy": POLICY, "data": DATA})
    other = compile_documents({"policy": MARKED, "data": MARKED_DATA})
    assert one.hash == other.hash
    assert (one.life.marked, other.life.marked) == (False, True)


def test_the_fault_is_told_with_its_line(tmp_path):
    (tmp_path / "data.yaml").write_text(MARKED_DATA)
    (tmp_path / "policy.yaml").write_text(MARKED.removesuffix("...\n"))
    with pytest.raises(PolicyError) as caught:
        load(tmp_path)
    (problem,) = caught.value.problems
    assert (problem["file"], problem["line"]) == ("policy.yaml", 2)
    assert "cut off" in problem["why"]


def test_a_deny_that_is_gone_needs_a_word(corner):
    corner.write(LATE)
    with pytest.raises(PolicyError, match="the deny no-value") as caught:
        corner.admin.activate(corner.path)
    assert caught.value.reason == "policy.cut"
    last = corner.records()[-1]
    assert (last["kind"], last["reason"]) == ("denial", "policy.cut")
    digest = corner.activate(corner.path, loosens=True)
    assert corner.shop.policy.hash == digest


def test_marked_documents_need_none(corner):
    less = MARKED[: MARKED.index("denies:")] + "...\n"
    corner.activate(corner.write(less, MARKED_DATA))


def test_what_is_only_added_needs_none(corner):
    corner.activate(corner.write(POLICY + "  - {id: more, text: More., fields: [profile.city]}\n"))
    wider = POLICY.replace("roles: [desk], for: [service]", "for: [service]")
    corner.activate(corner.write(wider), loosens=True)


@pytest.mark.parametrize(
    ("old", "new", "gone"),
    [
        ("may: [read], fields", "may: [read], minimize: {last: 5 events}, fields", "minimization"),
        ("may: [read], fields", "may: [read], when: {days: [mon]}, fields", "condition"),
        ("roles:\n", "separate: [[shop, desk]]\nroles:\n", "separation of desk and shop"),
        ("retention: 2y", "retention: 2y, direct_marketing: true", "direct_marketing"),
        (
            "retention: 2y",
            "retention: 2y, hold: {fields: [purchase.value], for: 6y, law: tax}",
            "hold",
        ),
    ],
)
def test_every_kind_of_restriction_is_told(old, new, gone):
    strict = compile_documents({"policy": POLICY.replace(old, new, 1), "data": DATA})
    loose = compile_documents({"policy": POLICY, "data": DATA})
    (told,) = dropped(strict, loose)
    assert gone in told
    assert dropped(loose, strict) == ()
    assert dropped(strict, strict) == ()


def test_a_category_that_lost_its_mark_is_told():
    data = DATA.replace("account: {}", "account: {from_device: true}")
    policy = POLICY.replace("{contract: order}", "consent").replace("[begin, end]", "[withdraw]")
    strict = compile_documents({"policy": policy, "data": data})
    loose = compile_documents({"policy": policy, "data": DATA})
    assert "the category of profile.city" in dropped(strict, loose)


def test_a_document_renamed_over_while_it_is_read_is_read_whole_or_refused(tmp_path):
    """Each text is one that was written, never part of it."""
    other = DATA.replace("city: {type: text", "town: {type: text")
    (tmp_path / "data.yaml").write_text(DATA)
    (tmp_path / "policy.yaml").write_text(POLICY)
    stop = threading.Event()

    def swap() -> None:
        i = 0
        while not stop.is_set():
            i += 1
            policy, data = (POLICY, DATA) if i % 2 else (LATE, other)
            for name, text in (("data.yaml", data), ("policy.yaml", policy)):
                (tmp_path / f"{name}.new").write_text(text)
                os.replace(tmp_path / f"{name}.new", tmp_path / name)

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = set()
    try:
        for _ in range(60):
            try:
                policy = load(tmp_path)
            except PolicyError:
                continue
            seen.add((policy.documents["policy"], policy.documents["data"]))
    finally:
        stop.set()
        swapper.join()
    assert seen <= {(p, d) for p in (POLICY, LATE) for d in (DATA, other)}  # never half of a text
