"""Answers kept elsewhere, taken in: whole chunks, once, as if each had been given by itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.guards import let_the_ledger_go

from privet.audit.verifier import main as verify
from privet.consent import Ledger
from privet.deployment import Deployment, open_deployment
from privet.errors import AuditUnavailable, IntegrityError, InvalidInput
from privet.gate import catchup, importing, provenance
from privet.gate.subject import evidence_of

CHANGES = ("recommendations", "newsletter", "orders")
EVIDENCE = {"notice": "crm-7", "channel": "counter", "evidence": "file 7"}


@pytest.fixture
def opened(
    where: str, tmp_path: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    monkeypatch.setattr(importing, "PEOPLE", 3)
    with open_deployment(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'keys'}", clock=clock, sync="OFF"
    ) as deployment:
        yield deployment


def frame(clock: Any, people: int = 8, first: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(11)
    rows = []
    for n in range(people):
        at = clock.now() - timedelta(days=300 - n)
        rows.append((f"c{first + n}", "orders", "begun", at))
        for purpose in CHANGES[:2]:
            kind = ("yes", "no", "yes", "objected")[int(draw.integers(0, 4))]
            rows.append((f"c{first + n}", purpose, kind, at + timedelta(hours=1)))
    rows.append(("c0", "newsletter", "withdrawn", clock.now() - timedelta(days=2)))
    return pd.DataFrame(rows, columns=["subject", "purpose", "kind", "at"])


def desk(deployment: Deployment) -> Any:
    return deployment.principal("desk", roles=["privacy-desk", "storefront"]).consent


def stands(deployment: Deployment, people: int = 8) -> list[dict[str, str]]:
    return [desk(deployment).state(f"c{n}") for n in range(people)]


def projection(deployment: Deployment) -> list[Any]:
    with deployment._parts.home.data.write() as tx:
        deployment._parts.ledger.fold(tx)
        return [
            [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in tx.all(q)]
            for q in (
                "SELECT sno, seq, body, mac FROM ledger ORDER BY sno, seq",
                "SELECT sno, body, pending, mac FROM ground ORDER BY sno",
                "SELECT purpose, chunk, bits, due FROM ground_set ORDER BY purpose, chunk",
                "SELECT purpose, chunk, period, who, ends FROM ground_end ORDER BY 1, 2, 3",
            )
        ]


def test_what_is_imported_stands_as_if_it_had_been_told_one_by_one(
    opened: Deployment, clock: Any, tmp_path: Path
) -> None:
    answers = frame(clock)
    assert desk(opened).load(answers, **EVIDENCE) == len(answers)
    with open_deployment(
        tmp_path / "other", policy="pack:shop", keyring=f"file:{tmp_path / 'k'}", clock=clock
    ) as other:
        for row in answers.itertuples():
            one = pd.DataFrame([row[1:]], columns=answers.columns)
            assert desk(other).load(one, **EVIDENCE) == 1
        assert stands(opened) == stands(other)
        everybody = [f"c{n}" for n in range(8)]
        for purpose in CHANGES:
            told = [desk(d).eligible(everybody, purpose) for d in (opened, other)]
            assert told[0] == told[1]


def test_one_purpose_after_the_other_is_the_same_as_all_at_once(
    opened: Deployment, clock: Any, tmp_path: Path
) -> None:
    """Many a system keeps a table for each purpose."""
    answers = frame(clock)
    for purpose in CHANGES:
        part = answers[answers["purpose"] == purpose]
        assert desk(opened).load(part, **EVIDENCE) == len(part)
    with open_deployment(
        tmp_path / "other", policy="pack:shop", keyring=f"file:{tmp_path / 'k'}", clock=clock
    ) as other:
        desk(other).load(answers, **EVIDENCE)
        assert stands(opened) == stands(other)
    before = projection(opened)
    with opened._parts.home.data.write() as tx:
        opened._parts.ledger.rebuild(tx)
    assert projection(opened) == before


def test_the_same_again_changes_nothing(opened: Deployment, clock: Any) -> None:
    answers = frame(clock)
    desk(opened).load(answers, **EVIDENCE)
    size, before = opened._parts.log.size(), projection(opened)
    with pytest.raises(InvalidInput) as refused:
        desk(opened).load(answers, **EVIDENCE)
    assert refused.value.reason == "import.repeated"
    assert desk(opened).load(frame(clock, 10), **EVIDENCE) == 2 * 3
    assert projection(opened)[0][: len(before[0])] == before[0]
    assert opened._parts.log.size() > size


def test_an_import_that_was_cut_off_is_run_again(
    opened: Deployment, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, log = frame(clock), type(opened._parts.log)
    whole, calls = log.append_each, []

    def failing(self: Any, parts: Any) -> list[int]:
        calls.append(len(parts))
        if len(calls) == 2:
            raise AuditUnavailable("full")
        return whole(self, parts)

    monkeypatch.setattr(log, "append_each", failing)
    with pytest.raises(AuditUnavailable):
        desk(opened).load(answers, **EVIDENCE)
    with opened._parts.home.data.read() as tx:
        assert tx.all("SELECT COUNT(DISTINCT sno) FROM ledger") == [(3,)]
    assert desk(opened).load(answers, **EVIDENCE) == len(answers) - 3 * 3 - 1
    assert [s["orders"] for s in stands(opened)] == ["active"] * 8


def test_what_the_log_has_and_the_ledger_lacks_is_caught_up(
    opened: Deployment, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = frame(clock)

    def crashed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "take_in", crashed)
        with pytest.raises(KeyboardInterrupt):
            desk(opened).load(answers, **EVIDENCE)
    assert desk(opened).load(answers, **EVIDENCE) == len(answers) - 3 * 3 - 1
    before = projection(opened)
    with opened._parts.home.data.write() as tx:
        let_the_ledger_go(tx)
        for table in ("ledger", "ground", "ground_delta", "ground_set", "ground_end"):
            tx.run(f"DELETE FROM {table}")
        tx.run("DELETE FROM meta WHERE key = 'applied_seq'")
    catchup.catch_up(opened._parts)
    assert projection(opened) == before
    with opened._parts.home.data.write() as tx:
        opened._parts.ledger.rebuild(tx)
    assert projection(opened) == before


def test_a_leaf_is_about_one_person_and_is_proved_by_itself(
    opened: Deployment, clock: Any, tmp_path: Path
) -> None:
    desk(opened).load(frame(clock), **EVIDENCE)
    auditor = opened.principal("auditor", roles=["auditor"]).audit
    (sheet,) = [
        r for r in auditor.history("c3") if r["kind"] == "ground" and r["action"] == "begin"
    ]
    assert sheet["set"] == {"n": 1}
    assert opened._parts.log.members(sheet["seq"]) == [sheet["ground"]["sno"]]
    assert opened._parts.log.prove(sheet["seq"])["index"] == sheet["seq"]
    assert {change[1] for change in sheet["ground"]["changes"]} == {"*", "orders"}
    auditor.export(tmp_path / "log")
    assert verify([str(tmp_path / "log"), "--vkey", auditor.verifier_key]) == 0


def test_evidence_is_sealed_once_for_all_and_committed_to(opened: Deployment, clock: Any) -> None:
    desk(opened).load(frame(clock), **EVIDENCE)
    parts = opened._parts
    sno = parts.subjects.find(["c4"])[0]
    caller = desk(opened)._caller
    (kept,) = evidence_of(parts, caller, sno)
    assert kept["evidence"] == "file 7"
    text = json.dumps(kept, sort_keys=True, ensure_ascii=False)
    committed = {c.commitment for _, c in _entries(opened, sno)}
    assert committed == {hashlib.sha256(text.encode()).hexdigest()}
    with parts.home.data.read() as tx:
        ((commitment, sealed),) = tx.all("SELECT commitment, ct FROM provenance")
    assert {commitment} == committed
    assert b"file 7" not in bytes(sealed)


def test_evidence_under_another_commitment_is_refused(opened: Deployment, clock: Any) -> None:
    desk(opened).load(frame(clock), **EVIDENCE)
    first = provenance.keep(opened._parts, {"evidence": "file 8"})
    with opened._parts.home.data.write() as tx:
        tx.run(
            "UPDATE provenance SET ct = (SELECT ct FROM provenance WHERE commitment = ?) "
            "WHERE commitment <> ?",
            (first, first),
        )
    with pytest.raises(IntegrityError):
        opened.subject("c4", proof="t").rights.access()


def _entries(deployment: Deployment, sno: int) -> list[Any]:
    with deployment._parts.home.data.read() as tx:
        return deployment._parts.ledger.entries(tx, sno)


def test_the_erased_are_passed_over(opened: Deployment, clock: Any) -> None:
    desk(opened).load(frame(clock), **EVIDENCE)
    opened.principal("desk", roles=["privacy-desk"]).rights.erase("c2")
    with pytest.raises(InvalidInput):
        desk(opened).load(frame(clock), **EVIDENCE)
    assert opened._parts.subjects.find(["c2"]) == [None]


@pytest.mark.parametrize("wrong", [pd.NaT, "yesterday", pd.Timestamp("2026-01-01")])
def test_a_time_that_is_none_is_refused_before_anything_is_recorded(
    opened: Deployment, clock: Any, wrong: object
) -> None:
    answers = frame(clock)
    answers["at"] = answers["at"].astype(object)
    answers.loc[5, "at"] = wrong
    size = opened._parts.log.size()
    with pytest.raises(InvalidInput):
        desk(opened).load(answers, **EVIDENCE)
    assert opened._parts.log.size() == size


def test_ids_that_look_alike_are_different_people(opened: Deployment, clock: Any) -> None:
    at = clock.now()
    answers = pd.DataFrame(
        [(1, "newsletter", "yes", at), ("1", "newsletter", "no", at)],
        columns=["subject", "purpose", "kind", "at"],
    )
    assert desk(opened).load(answers, **EVIDENCE) == 2
    assert desk(opened).eligible([1, "1"], "newsletter") == {1: True, "1": False}
