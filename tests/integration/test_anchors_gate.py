"""Anchors of an open deployment: what they hold up and what they do not, and rotated keys."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.witness import Served, Witness

import privet
from privet.audit.anchors import CallbackAnchor, FileAnchor, WitnessAnchor
from privet.audit.verifier import verify_directory
from privet.gate import keylife
from privet.maintenance import CALLER


def opened(where: str, place: Path, clock: Any, **more: Any) -> privet.Deployment:
    return privet.open(
        where,
        policy="pack:shop",
        keyring=f"file:{place / 'keys'}",
        clock=clock,
        sync="OFF",
        **more,
    )


def agree(shop: privet.Deployment, name: str) -> None:
    shop.subject(name, proof="t").consent.answer({"recommendations": True}, notice="1", how="web")


def test_no_read_waits_for_an_anchor(where: str, tmp_path: Path, clock: Any) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def slow(_: bytes) -> None:
        reached.set()
        assert go_on.wait(60)

    with opened(where, tmp_path, clock, anchors=[CallbackAnchor(slow)]) as shop:
        agree(shop, "ada")
        assert reached.wait(60)  # the thread is with the anchor now, and stays there
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        web.record("ada", "view", event_id="1", item="kettle")
        assert not web.recommend("ada").personal  # no model; but an answer, and a record
        go_on.set()
    assert shop._parts.anchoring._thread is not None


def test_nothing_is_released_once_an_anchor_is_away_for_too_long(
    where: str, tmp_path: Path, clock: Any
) -> None:
    away = [False]

    def keep(_: bytes) -> None:
        if away[0]:
            raise ConnectionError

    limit = {"anchors": [CallbackAnchor(keep)], "anchor_within": timedelta(minutes=30)}
    with opened(where, tmp_path, clock, **limit) as shop:
        shop._parts.anchoring._ended = True  # nobody but the test reaches the anchor
        agree(shop, "ada")
        shop.maintenance.anchor()
        away[0] = True
        web = shop.principal("web", roles=["storefront"]).purpose("recommendations")
        web.record("ada", "view", event_id="1", item="kettle")
        clock.advance(timedelta(minutes=31))
        with pytest.raises(privet.AuditUnavailable) as refusal:
            web.record("ada", "view", event_id="2", item="lamp")
        assert refusal.value.reason == "anchor.overdue"
        (finding,) = (f for f in shop.maintenance.examine() if f.check == "anchors")
        assert finding.state == "fail"
        away[0] = False
        assert shop.maintenance.run()["anchors"] == 1
        web.record("ada", "view", event_id="2", item="lamp")


@pytest.mark.parametrize(
    "wrong",
    [
        {"anchor_within": timedelta(minutes=30)},
        {"anchors": [], "anchor_within": timedelta(minutes=30)},
        {"anchors": ["ftp://x"]},
        {"anchors": [3]},
    ],
)
def test_settings_that_anchor_nothing_open_nothing(
    tmp_path: Path, clock: Any, wrong: dict[str, Any]
) -> None:
    with pytest.raises(privet.InvalidInput):
        opened(str(tmp_path / "home"), tmp_path, clock, **wrong)
    assert not (tmp_path / "home").exists()


def test_a_rotated_key_goes_on_at_every_anchor_and_for_every_verifier(
    where: str, tmp_path: Path, clock: Any
) -> None:
    one = Witness(tmp_path / "witness.json")
    file = FileAnchor(tmp_path / "log.anchor", same_volume=True)
    with Served(one) as served:
        anchors = {"anchors": [file, WitnessAnchor(served.url, one.vkey)]}
        with opened(where, tmp_path, clock, **anchors) as shop:
            old = shop.verifier_key
            one.trust(old)
            agree(shop, "ada")
            assert [pushed.error for pushed in shop.maintenance.anchor()] == [None, None]
            kept = (tmp_path / "log.anchor").read_bytes()
            keylife.rotate_signing(shop._parts, CALLER)
            agree(shop, "bob")
            new = shop.verifier_key
            assert new != old
            told = [pushed.error for pushed in shop.maintenance.anchor()]
            assert told[0] is None
            assert told[1] is not None
            assert told[1].reason == "anchor.refused"  # it was not told the new key
            one.trust(new)
            assert [pushed.error for pushed in shop.maintenance.anchor()] == [None, None]
        with opened(where, tmp_path, clock, **anchors) as shop:
            shop.principal("aud", roles=["auditor"]).audit.export(tmp_path / "export")
    for vkey in (old, new):
        verdict = verify_directory(
            tmp_path / "export", anchor=kept, vkey=vkey, witnesses=[one.vkey]
        )
        assert verdict.ok, verdict
        assert any("witnessed by witness.example/w1" in note for note in verdict.notes)
    stranger = Witness(tmp_path / "v.json", seed=b"v" * 32)
    assert not verify_directory(tmp_path / "export", witnesses=[stranger.vkey]).ok
