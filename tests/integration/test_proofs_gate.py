"""Proofs by the public face and the command line, checked by the verifier alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.witness import Served, Witness
from typer.testing import CliRunner

import privet
from privet.audit import Entry, verifier
from privet.cli import app

VERIFIER = Path(verifier.__file__)


@pytest.fixture
def people(shop: privet.Deployment) -> privet.Deployment:
    for name in ("ada", "bob"):
        person = shop.subject(name, proof="t")
        person.consent.answer({"recommendations": True}, notice="1", how="web")
    return shop


def bulk(shop: privet.Deployment, *, without: int | None = None) -> int:
    members = frozenset(range(1, 100)) - ({without} if without is not None else set())
    (seq,) = shop._parts.log.append([Entry({"kind": "access"}, members)])
    return seq


def ordinal(shop: privet.Deployment, name: str) -> int:
    (sno,) = shop._parts.subjects.find([name])
    assert sno is not None
    return sno


def stranger(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The verifier as an auditor runs it: one file, nothing of privet on the path."""
    command = [sys.executable, "-I", VERIFIER, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd="/")


def test_presence_and_absence_convince_a_stranger(
    people: privet.Deployment, tmp_path: Path
) -> None:
    desk = people.principal("aud", roles=["auditor"]).audit
    for there in (True, False):
        seq = bulk(people, without=None if there else ordinal(people, "ada"))
        proof = desk.prove(seq, subject="ada")
        assert proof.member is there
        file = tmp_path / f"{there}.json"
        file.write_bytes(proof.document)
        told = stranger("--proof", file, "--vkey", people.verifier_key)
        assert told.returncode == 0, told.stdout
        assert f"subject {ordinal(people, 'ada')} is {'' if there else 'not '}in the set" in (
            told.stdout
        )
    assert b"ada" not in proof.document


def test_the_asking_is_recorded_and_names_her(people: privet.Deployment) -> None:
    desk = people.principal("aud", roles=["auditor"]).audit
    desk.prove(0, subject="ada")
    last = desk.history("ada")[-2]
    assert (last["kind"], last["action"], last["task"]) == ("access", "export", "prove")


@pytest.mark.parametrize("role", ["storefront", "operator"])
def test_nobody_without_a_permit_learns_an_ordinal(people: privet.Deployment, role: str) -> None:
    with pytest.raises(privet.AccessDenied):
        people.principal("x", roles=[role]).audit.prove(0, subject="ada")


def test_after_an_erasure_nothing_is_told_and_an_old_proof_goes_on_holding(
    people: privet.Deployment,
) -> None:
    desk = people.principal("aud", roles=["auditor"]).audit
    seq = bulk(people)
    before = desk.prove(seq, subject="ada")
    people.subject("ada", proof="t").rights.erase()
    refusals = []
    for name in ("ada", "nobody"):
        with pytest.raises(privet.PrivetError) as refusal:
            desk.prove(seq, subject=name)
        refusals.append((type(refusal.value), refusal.value.reason))
    assert refusals[0] == refusals[1]  # no more than of somebody who never was
    assert verifier.verify_proof(before.document, vkey=people.verifier_key).ok


def test_growth_is_proved_from_a_checkpoint_that_was_kept(
    people: privet.Deployment, tmp_path: Path
) -> None:
    desk = people.principal("aud", roles=["auditor"]).audit
    desk.export(tmp_path / "export")
    kept = (tmp_path / "export" / "checkpoint").read_bytes()
    bulk(people)
    assert verifier.verify_proof(desk.prove_growth(kept).document, vkey=people.verifier_key).ok
    with pytest.raises(privet.InvalidInput):
        desk.prove_growth("no bytes")  # type: ignore[arg-type]
    with pytest.raises(privet.IntegrityError):
        desk.prove_growth(kept.replace(b"\n\n", b"\nx\n\n"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRIVET_HOME", raising=False)
    with privet.open(tmp_path / "home", policy="pack:shop", sync="OFF") as shop:
        shop.subject("ada", proof="t").consent.answer(
            {"recommendations": True}, notice="1", how="web"
        )
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, list(arguments))
    return ended.exit_code, ended.stdout


def test_the_command_line_anchors_proves_and_verifies(home: Path) -> None:
    one = Witness(home / "witness.json")
    with Served(one) as served:
        anchors = [f"file+same-volume:{home / 'kept.anchor'}", f"witness:{served.url}#{one.vkey}"]
        (home / "privet.toml").write_text(f'home = "home"\nanchors = {json.dumps(anchors)}\n')
        code, out = run("audit", "anchor", "--json")
        told = json.loads(out)
        assert code == 1  # the witness does not know the log yet
        assert [a["error"] and a["error"]["reason"] for a in told["anchors"]] == [
            None,
            "anchor.refused",
        ]
        one.trust(told["vkey"])
        assert run("audit", "anchor")[0] == 0
        assert run("audit", "export", "export", "--json")[0] == 0
        assert run("audit", "anchor")[0] == 0
        proved = ("audit", "prove", "1", "--subject", "ada", "--out", "proof.json", "--json")
        assert run(*proved)[0] == 0
        grown = ("audit", "growth", "export/checkpoint", "--out", "growth.json", "--json")
        assert run(*grown)[0] == 0
    for file in ("proof.json", "growth.json"):
        checked = ("audit", "verify", "--proof", file, "--vkey", told["vkey"], "--json")
        code, out = run(*checked)
        assert (code, json.loads(out)["ok"]) == (0, True)
    code, out = run("audit", "verify", "export", "--anchor", "kept.anchor", "--vkey", told["vkey"])
    assert code in {0, 5}  # the export may be behind the anchor by now
    (home / "other").mkdir()
    assert run("audit", "verify")[0] == 2


def test_the_doctor_tells_how_anchors_stand(home: Path) -> None:
    def found(**more: object) -> tuple[str, str]:
        with privet.open(home / "home", sync="OFF", **more) as shop:
            finding = next(f for f in shop.maintenance.examine() if f.check == "anchors")
            return finding.state, finding.what

    assert found(anchors=[])[0] == "ok"
    kept = [f"file+same-volume:{home / 'kept.anchor'}"]
    with privet.open(home / "home", sync="OFF", anchors=kept) as shop:
        assert shop.maintenance.run()["anchors"] == 1
    assert found(anchors=kept)[0] == "ok"
    assert found(anchors=[])[0] == "warn"  # somebody left the anchor out
    with Served(Witness(home / "w.json")) as served:
        dead = f"witness:{served.url}#{Witness(home / 'w.json').vkey}"
    with privet.open(home / "home", sync="OFF", anchors=[*kept, dead]) as shop:
        assert shop.maintenance.run()["anchors"] == -1
        finding = next(f for f in shop.maintenance.examine() if f.check == "anchors")
    assert finding.state == "warn"
    assert "failed 1 times (anchor.unreachable)" in finding.what
