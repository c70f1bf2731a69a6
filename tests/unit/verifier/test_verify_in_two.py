"""A second process that hashes changes the speed of a verdict and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from privet.audit import verifier
from privet.audit.verifier import Verdict, verify_directory


def changed(kit: Any, what: str) -> dict[str, bytes]:
    log = kit.make(1500, bulk=700)
    files: dict[str, bytes] = log.files()
    name = "tile/entries/003"
    if what == "edited":
        files[name] = files[name].replace(b'"who":3', b'"who":4', 1)
    elif what == "missing":
        del files[name]
    elif what == "cut":
        files[name] = files[name][:-1]
    elif what == "gone":
        del files[name], files["tile/0/003"]
    elif what == "tile":
        files["tile/0/003"] = files["tile/0/002"]
    return files


CHANGES = ["nothing", "edited", "missing", "cut", "gone", "tile"]


@pytest.mark.parametrize("what", CHANGES)
def test_the_verdict_is_the_same_with_two_processes(
    kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    place = kit.write(changed(kit, what), tmp_path)
    alone = verify_directory(place)
    monkeypatch.setattr(verifier, "SHARED_FROM", 0)
    monkeypatch.setattr(verifier.os, "sched_getaffinity", lambda _: {0, 1})
    assert verify_directory(place) == alone
    assert alone.ok == (what == "nothing")


def ending(code: str) -> Callable[[], subprocess.Popen[bytes]]:
    """A second process that does something else than hashing."""

    def begin() -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen([sys.executable, "-c", code], **pipes)

    return begin


@pytest.mark.parametrize(
    "code",
    ["", "import sys; sys.stdin.buffer.read(10)", "print('x' * 9000)"],
    ids=["ends at once", "ends in between", "answers too little"],
)
def test_a_second_process_that_ends_too_soon_is_done_without(
    kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    place = kit.write(changed(kit, "edited"), tmp_path)
    alone: Verdict = verify_directory(place)
    monkeypatch.setattr(verifier, "SHARED_FROM", 0)
    monkeypatch.setattr(verifier, "_helper", ending(code))
    found = verify_directory(place)
    assert not found.ok
    if code != "print('x' * 9000)":  # hashes that are none are told as what they are: broken
        assert found == alone


def test_without_a_second_processor_there_is_no_second_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verifier.os, "sched_getaffinity", lambda _: {0})
    assert verifier._helper() is None
