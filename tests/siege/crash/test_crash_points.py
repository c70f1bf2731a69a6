"""A sample of the long form in every run: each operation, each kind of fault, some boundaries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from tests.siege.crash.disk import compiler, library
from tests.siege.crash.faults import TOGETHER
from tests.siege.crash.registry import everything

import privet

SAMPLE = 60  # percent: CI has no more time
NAMES = [*sorted(everything()), TOGETHER]
HALVES = [NAMES[0::2], NAMES[1::2]]


def faults(names: list[str], *more: str) -> list[dict]:
    """Run the faults of these scenarios in a process of their own."""
    environment = dict(os.environ)
    package = os.path.dirname(os.path.dirname(privet.__file__))
    environment["PYTHONPATH"] = os.pathsep.join([package, os.getcwd()])
    if compiler():
        environment["LD_PRELOAD"] = str(library())
    command = [sys.executable, "-m", "tests.siege.crash", "--child", *more]
    command += [f"--scenario={name}" for name in names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:] or done.stdout[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("half", [0, 1])
def test_whatever_befalls_a_process_every_promise_holds(half: int) -> None:
    told = faults(HALVES[half], f"--sample={SAMPLE}")
    wrong = [line for line in told if line["wrong"]]
    assert not wrong, json.dumps(wrong[:3], indent=1)
    assert {line["scenario"] for line in told} == set(HALVES[half])
    ends = Counter(line["end"] for line in told if line["fired"])
    assert ends["killed"] > 30
    if compiler() is None:
        pytest.skip("no C compiler: only statements were numbered, no fault of the disk was tried")
    assert ends["refused"] > 10
    met = {line["kind"] for line in told if line["fired"]}
    assert met >= {"power_torn", "full", "unreadable", "clock", "damage"}


def test_a_server_and_its_clients_may_die_at_any_statement() -> None:
    names, kinds = ["erasure", "record", "withdrawal"], ["--kind=statement", "--kind=server"]
    told = faults(names, "--every=97", "--database=postgresql", *kinds)
    wrong = [line for line in told if line["wrong"]]
    assert not wrong, json.dumps(wrong[:3], indent=1)
    assert {line["scenario"] for line in told} == set(names)
    fired = [line for line in told if line["fired"]]
    assert sum(line["end"] == "killed" for line in fired) >= 6
    assert sum(line["kind"] == "server" for line in fired) >= 6


def test_the_harness_sees_a_store_that_is_not_durable() -> None:
    if compiler() is None:
        pytest.skip("no C compiler: no power can fail")
    told = faults(["record"], "--kind=power", "--every=23", "--careless")
    assert any("are lost" in wrong for line in told for wrong in line["wrong"])
