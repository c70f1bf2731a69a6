"""A receipt at every answer, verified offline; one byte changed, and it does not hold."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from privet.audit import verifier
from privet.audit.verifier import verify_receipt
from privet.deployment import Deployment, open_deployment
from privet.gate import receipts
from privet.notices import load_notice

RECS, NEWS = "recommendations", "newsletter"
SHOP = load_notice("pack:shop")


@pytest.fixture
def shop(tmp_path: Any, clock: Any) -> Any:
    with open_deployment(
        tmp_path / "home",
        policy="pack:shop",
        keyring=f"file:{tmp_path / 'keys'}",
        clock=clock,
        sync="OFF",
    ) as opened:
        opened.principal("ops", roles=["operator"]).admin.add_notice("pack:shop")
        yield opened


def answered(shop: Deployment) -> bytes:
    own = shop.subject("ada", proof="t").consent
    document: bytes = own.answer(
        {RECS: True, NEWS: False}, notice=SHOP.hash, how="web-banner"
    ).document
    return document


def key(shop: Deployment) -> str:
    return str(shop.principal("a", roles=["auditor"]).audit.verifier_key)


def resigned(shop: Deployment, document: bytes, change: Any) -> bytes:
    """The receipt as somebody who holds the log's key would forge it."""
    outer = json.loads(document)
    change(outer)
    signed = shop._parts.signer.sign(verifier._canonical(outer["receipt"]))
    outer["signature"] = base64.b64encode(signed).decode()
    return json.dumps(outer, sort_keys=True, indent=1, ensure_ascii=False).encode()


def test_it_says_what_was_answered_in_terms_of_dpv(shop: Deployment) -> None:
    document = answered(shop)
    assert verify_receipt(document, vkey=key(shop)).ok
    body = json.loads(document)["receipt"]
    assert body["@type"] == "dpv:ConsentReceipt"
    assert body["@context"]["dpv"] == "https://w3id.org/dpv#"
    assert body["dct:conformsTo"].endswith("dpv-27560#receipt")
    recs, news = body["dpv:hasRecordOfActivity"]
    assert recs["dpv:hasConsentStatus"][0]["@type"] == "dpv:ConsentGiven"
    assert recs["dpv:hasConsentStatus"][0]["dpv:isIndicatedBy"] == "dpv:DataSubject"
    assert recs["dpv:hasConsentStatus"][0]["dct:valid"] == "2027-03-02T09:30:00Z"
    assert news["dpv:hasConsentStatus"][0]["@type"] == "dpv:ConsentRefused"
    assert news["dpv:hasProcess"]["dpv:hasRecipient"][0]["dct:identifier"] == "mailer"
    assert recs["dpv:hasNotice"]["dct:identifier"] == SHOP.hash
    assert recs["dpv:hasProcess"]["dpv:hasPurpose"]["dct:description"] == SHOP.purposes[RECS].text
    assert json.loads(body["privet:details"])["shown"] == SHOP.shown
    assert '"ada"' not in document.decode()  # hashes may hold the three letters


def test_a_withdrawal_has_one_as_well_and_a_repeat_that_of_the_first_time(
    shop: Deployment,
) -> None:
    own = shop.subject("ada", proof="t").consent
    said = [
        own.answer({RECS: True}, notice=SHOP.hash, how="web", event_id="e").document
        for _ in range(2)
    ]
    first, again = (json.loads(document)["receipt"] for document in said)
    assert first["dpv:hasRecordOfActivity"] == again["dpv:hasRecordOfActivity"]
    withdrawn = own.withdraw(RECS).document
    assert verify_receipt(withdrawn).ok
    (record,) = json.loads(withdrawn)["receipt"]["dpv:hasRecordOfActivity"]
    assert record["dpv:hasConsentStatus"][0]["@type"] == "dpv:ConsentWithdrawn"


def test_it_outlives_the_person_in_the_log(shop: Deployment) -> None:
    document = answered(shop)
    shop.subject("ada", proof="t").rights.erase()
    assert verify_receipt(document, vkey=key(shop)).ok


def test_where_texts_are_kept_elsewhere_it_uses_the_words_of_the_policy(
    tmp_path: Path, clock: Any
) -> None:
    with open_deployment(tmp_path / "h", policy="pack:shop", clock=clock, sync="OFF") as shop:
        own = shop.subject("ada", proof="t").consent
        document = own.answer({RECS: True}, notice="mine", how="web").document
        assert verify_receipt(document).ok
        (record,) = json.loads(document)["receipt"]["dpv:hasRecordOfActivity"]
        assert "dpv:hasNotice" not in record
        told = record["dpv:hasProcess"]["dpv:hasPurpose"]["dct:description"]
        assert told == shop.policy.purposes[RECS].text


def test_one_byte_changed_and_it_does_not_hold(shop: Deployment) -> None:
    document = answered(shop)
    draw = random.Random(7)
    places = draw.sample(range(len(document)), 300)
    for place in places:
        other = draw.choice([b for b in range(256) if b != document[place]])
        broken = document[:place] + bytes([other]) + document[place + 1 :]
        assert not verify_receipt(broken).ok, place
        assert not verify_receipt(document[:place] + document[place + 1 :]).ok, place
        assert not verify_receipt(document[:place]).ok, place
        assert not verify_receipt(document[:place] + b" " + document[place:]).ok, place


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("privet:purpose", NEWS),
        ("privet:notice", "0" * 64),
        ("dct:identifier", "0"),
        ("privet:commitment", "0" * 64),
    ],
)
def test_even_the_holder_of_the_key_cannot_make_it_say_what_the_log_does_not(
    shop: Deployment, name: str, value: str
) -> None:
    def change(outer: Any) -> None:
        outer["receipt"]["dpv:hasRecordOfActivity"][0][name] = value

    assert not verify_receipt(resigned(shop, answered(shop), change)).ok


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("@type", "dpv:ConsentGiven"),
        ("dpv:isIndicatedAtTime", "2020-01-01T00:00:00Z"),
        ("dct:valid", "2099-01-01T00:00:00Z"),
    ],
)
def test_nor_another_status_instant_or_term(shop: Deployment, name: str, value: str) -> None:
    def change(outer: Any) -> None:  # of the refusal
        outer["receipt"]["dpv:hasRecordOfActivity"][1]["dpv:hasConsentStatus"][0][name] = value

    assert not verify_receipt(resigned(shop, answered(shop), change)).ok


def test_nor_other_details_fewer_records_or_another_proof(shop: Deployment) -> None:
    document = answered(shop)

    def details(outer: Any) -> None:
        outer["receipt"]["privet:details"] = '{"channel": "bought"}'

    def fewer(outer: Any) -> None:
        outer["receipt"]["dpv:hasRecordOfActivity"].pop()

    def swapped(outer: Any) -> None:
        outer["inclusion"].reverse()

    def none(outer: Any) -> None:
        outer["receipt"]["dpv:hasRecordOfActivity"].clear()
        outer["inclusion"].clear()

    for change in (details, fewer, swapped, none):
        assert not verify_receipt(resigned(shop, document, change)).ok, change.__name__
    assert verify_receipt(resigned(shop, document, lambda outer: None)).ok


def test_another_key_is_told(shop: Deployment, tmp_path: Path) -> None:
    document = answered(shop)
    with open_deployment(tmp_path / "other", policy="pack:shop", sync="OFF") as other:
        assert not verify_receipt(document, vkey=key(other)).ok
    assert not verify_receipt(document, vkey="no key").usable


@pytest.mark.parametrize(
    "junk", [b"", b"{}", b"[]", b"null", b"\xff", b"{" * 100_000, b"1" * 2_000_000]
)
def test_what_is_no_receipt_is_broken_and_never_raises(junk: bytes) -> None:
    assert not verify_receipt(junk).ok


def test_the_verifier_needs_nothing_of_privet(shop: Deployment, tmp_path: Path) -> None:
    document = answered(shop)
    copy = tmp_path / "verifier.py"
    copy.write_bytes(Path(verifier.__file__).read_bytes())
    path = tmp_path / "receipt.json"
    for content, code in ((document, 0), (document.replace(b"ConsentGiven", b"ConsentTaken"), 1)):
        path.write_bytes(content)
        ended = subprocess.run(
            [
                sys.executable,
                "-I",
                str(copy),
                "--receipt",
                str(path),
                "--vkey",
                key(shop),
                "--json",
            ],
            capture_output=True,
            env={},
        )
        assert ended.returncode == code, ended.stderr
        assert json.loads(ended.stdout)["ok"] == (code == 0)


def test_the_verifier_and_the_gate_mean_the_same_by_each_status() -> None:
    assert verifier.STATUS == receipts.STATUS


def test_a_failing_store_does_not_make_an_answer_seem_refused(
    shop: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from privet.errors import StoreUnavailable

    def fails(*_: object) -> bytes:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(receipts, "build", fails)
    own = shop.subject("ada", proof="t").consent
    receipt = own.answer({RECS: True}, notice=SHOP.hash, how="web")
    assert (receipt.new, receipt.document) == (True, b"")
    assert own.state()[RECS] == "active"


def test_a_receipt_holds_on_either_database(where: str, tmp_path: Any, clock: Any) -> None:
    with open_deployment(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'k'}", clock=clock, sync="OFF"
    ) as shop:
        shop.principal("ops", roles=["operator"]).admin.add_notice("pack:shop")
        assert verify_receipt(answered(shop), vkey=key(shop)).ok
