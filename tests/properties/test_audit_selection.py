"""Every filter, and every combination of them, chooses what looking at each record chooses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privet.audit import Entry, Log, Selection, extract
from privet.crypto import Signer
from privet.db import Home, create_stores, locate
from privet.testing import FakeClock

START = datetime(2026, 3, 2, tzinfo=UTC)
PURPOSES = ("orders", "advice", 'ad"vice', "unknown")
ROLES = ("web", "till", "web-2")
KINDS = ("access", "denial", "counted")
STEPS = 60


class Many:
    """A log with records of every make, and what each of them says."""

    def __init__(self, root: Path) -> None:
        self.clock = FakeClock(START)
        self.home: Home = create_stores(locate(str(root / "home")), "OFF")
        self.log = Log(self.home.audit, Signer(b"\x05" * 32), "privet.dev/x", self.clock)
        self.truth: list[tuple[int, dict[str, Any], set[int]]] = []
        for i in range(STEPS):
            people = {i % 7, i % 3} if i % 4 else set(range(i % 9, 400, 3))
            told = {
                "kind": KINDS[i % 3],
                "who": f"p-{i % 5}",
                "roles": sorted({ROLES[i % 3], ROLES[i % 2]}),
                "purpose": PURPOSES[i % 4],
                "action": ("read", "train")[i % 2],
                # What looks like a member within another must not be taken for one.
                "inner": {"purpose": PURPOSES[(i + 1) % 4], "who": "p-0", "roles": [*ROLES]},
            }
            self.log.append([Entry(told, frozenset(people))])
            self.truth.append((int(self.clock.now().timestamp()), told, people))
            self.clock.advance(timedelta(seconds=i % 3))
        self.root = root
        self.runs = 0

    def found(self, selection: Selection) -> list[int]:
        self.runs += 1
        place = self.root / f"out-{self.runs}"
        extract(self.home.audit, self.log.vkey, place, "jsonl", selection, lambda _done, _of: None)
        lines = (place / "records.jsonl").read_bytes().splitlines()
        return [json.loads(line)["seq"] for line in lines]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    made = Many(tmp_path_factory.mktemp("many"))
    yield made
    made.home.close()


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


seconds = st.integers(0, STEPS + 2)


@given(
    since=maybe(seconds),
    until=maybe(seconds),
    who=maybe(st.integers(0, 5)),
    purpose=maybe(st.sampled_from((*PURPOSES, "nowhere"))),
    subject=maybe(st.integers(0, 12)),
    decision=maybe(st.sampled_from(("permit", "deny"))),
    role=maybe(st.sampled_from((*ROLES, "we"))),
    action=maybe(st.sampled_from(("read", "train"))),
    kind=maybe(st.sampled_from(KINDS)),
)
def test_filters_choose_what_brute_force_chooses(
    many: Many, since: Any, until: Any, who: Any, purpose: Any, subject: Any, decision: Any,
    role: Any, action: Any, kind: Any,
) -> None:  # fmt: skip
    begin = int(START.timestamp())
    wanted = [
        seq
        for seq, (ts, told, people) in enumerate(many.truth)
        if (since is None or ts >= begin + since)
        and (until is None or ts < begin + until)
        and (who is None or told["who"] == f"p-{who}")
        and (purpose is None or told["purpose"] == purpose)
        and (subject is None or subject in people)
        and (decision is None or (told["kind"] == "denial") == (decision == "deny"))
        and (role is None or role in told["roles"])
        and (action is None or told["action"] == action)
        and (kind is None or told["kind"] == kind)
    ]
    selection = Selection(
        since=None if since is None else (begin + since) * 1_000_000,
        until=None if until is None else (begin + until) * 1_000_000,
        who=None if who is None else f"p-{who}",
        purpose=purpose, subject=subject, decision=decision, role=role, action=action, kind=kind,
    )  # fmt: skip
    assert many.found(selection) == wanted
