"""From the first notice on, every yes names a live one, and a material one asks again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from tests.guards import let_the_ledger_go

from privet.deployment import Deployment, open_deployment
from privet.errors import AccessDenied, IntegrityError, InvalidInput, PolicyError, StoreUnavailable
from privet.notices import load_notice

RECS, NEWS = "recommendations", "newsletter"
SHOP = load_notice("pack:shop")


def version(name: str, *more: str) -> str:
    return SHOP.document.replace("version: 2026-11", "\n".join([f"version: {name}", *more]))


@pytest.fixture
def opened(where: str, tmp_path: Any, clock: Any) -> Any:
    return lambda: open_deployment(
        where, policy="pack:shop", keyring=f"file:{tmp_path / 'keys'}", clock=clock, sync="OFF"
    )


def add(shop: Deployment, document: str = "pack:shop") -> Any:
    return shop.principal("ops", roles=["operator"]).admin.add_notice(document)


def yes(shop: Deployment, person: str, notice: str, purpose: str = RECS, **more: Any) -> Any:
    she = shop.subject(person, proof="t")
    return she.consent.answer({purpose: True}, notice=notice, how="web", **more)


def state(shop: Deployment, person: str) -> str:
    return shop.subject(person, proof="t").consent.state()[RECS]


def reason(call: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        call()
    return caught.value.reason


def test_until_the_first_notice_texts_are_kept_elsewhere(shop: Deployment) -> None:
    assert shop.notices.mode == "elsewhere"
    assert yes(shop, "ada", "a code of the host's own").new
    (question,) = shop.subject("ada", proof="t").consent.ask([RECS])
    assert question["notice"] == ""
    assert question["chosen"] is None
    add(shop)
    assert shop.notices.mode == "kept"
    assert state(shop, "ada") == "active"  # what was given before goes on
    assert reason(lambda: yes(shop, "bob", "a code of the host's own")) == "notice.unknown"
    with pytest.raises(Exception, match="nobody is known"):
        shop.principal("d", roles=["privacy-desk"]).consent.state("bob")  # nor was she taken in


def test_what_is_asked_is_what_is_answered(opened: Any) -> None:
    with opened() as shop:
        add(shop)
        ada = shop.subject("ada", proof="t").consent
        questions = ada.ask([RECS, NEWS, "orders"])
        assert [q["purpose"] for q in questions] == [RECS, NEWS, "orders"]
        for question in questions[:2]:
            assert question["chosen"] is None
            assert [c["answer"] for c in question["choices"]] == [True, False]
            assert question["notice"] == SHOP.hash
            assert question["told"] == SHOP.text
            assert question["text"] == SHOP.purposes[question["purpose"]].text
        assert questions[2]["choices"] == []
        first = questions[0]
        receipt = ada.answer(
            {RECS: True, NEWS: False},
            notice=first["notice"],
            how="web",
            seen=first["seen"],
            shown=first["shown"],
        )
        assert receipt.new
        access = shop.subject("ada", proof="t").rights.access()
        assert {g["notice"] for g in access["grounds"] if g["kind"] in {"yes", "no"}} == {SHOP.hash}
        assert access["evidence"][-1]["shown"] == SHOP.shown


def test_a_language_must_be_one_that_there_is(shop: Deployment) -> None:
    add(shop)
    own = shop.subject("ada", proof="t").consent
    assert own.ask([RECS])[0]["language"] == "en"
    add(shop, "pack:shop/de")
    german = own.ask([RECS], language="de")[0]
    assert german["text"].startswith("Dürfen")
    assert yes(shop, "ada", german["notice"]).new
    assert reason(lambda: own.ask([RECS])) == "notice.language"
    assert reason(lambda: own.ask([RECS], language="fr")) == "notice.language"


def test_a_purpose_without_a_live_notice_cannot_be_agreed_to(shop: Deployment) -> None:
    head, _, rest = version("2026-12").partition("  newsletter:")
    only_recs = head + rest[rest.index("answers:") :]
    add(shop, only_recs)
    own = shop.subject("ada", proof="t").consent
    assert reason(lambda: own.ask([NEWS])) == "notice.missing"
    assert reason(lambda: yes(shop, "ada", SHOP.hash, NEWS)) == "notice.missing"
    found = shop.notices.list()[0].notice
    assert reason(lambda: yes(shop, "ada", found, NEWS)) == "notice.missing"
    assert own.answer({NEWS: False}, notice="whatever", how="web").new  # a no is always taken


def test_a_replaced_text_is_not_answered_to(opened: Any) -> None:
    with opened() as shop:
        add(shop)
        add(shop, version("2026-12"))
        assert reason(lambda: yes(shop, "ada", SHOP.hash)) == "notice.replaced"
        assert yes(shop, "ada", "shop/2026-12/en").new  # by its label as well


def test_a_material_version_asks_everybody_again(opened: Any, clock: Any) -> None:
    with opened() as shop:
        add(shop)
        for person in ("ada", "bob"):
            yes(shop, person, SHOP.hash)
        add(shop, version("2026-12", "material: true", "grace: 10d"))
        new = shop.notices.list()[-1].notice
        yes(shop, "ada", new)
        desk = shop.principal("d", roles=["privacy-desk"]).consent
        clock.advance(timedelta(days=10) - timedelta(microseconds=1))
        assert desk.eligible(["ada", "bob"], RECS) == {"ada": True, "bob": True}
        clock.advance(timedelta(microseconds=1))
        assert desk.eligible(["ada", "bob"], RECS) == {"ada": True, "bob": False}
        assert (state(shop, "ada"), state(shop, "bob")) == ("active", "lapsed")
    with opened() as shop:  # and again from the store
        assert state(shop, "bob") == "lapsed"


def test_without_grace_they_lapse_at_once(shop: Deployment) -> None:
    yes(shop, "ada", "before any notice was kept")
    add(shop, version("2026-12", "material: true"))
    assert state(shop, "ada") == "lapsed"


def test_answers_given_elsewhere_name_what_was_live_then(shop: Deployment, clock: Any) -> None:
    desk = shop.principal("d", roles=["privacy-desk"]).consent
    before = clock.now() - timedelta(days=400)
    add(shop)
    then = clock.now()
    clock.advance(timedelta(days=5))
    add(shop, version("2026-12"))
    ways = {"channel": "letter", "evidence": "scan"}
    assert desk.on_behalf("ada", {RECS: True}, notice=SHOP.hash, at=then, **ways).new
    assert desk.on_behalf("bob", {RECS: True}, notice="paper form 7", at=before, **ways).new
    late = lambda: desk.on_behalf("cy", {RECS: True}, notice=SHOP.hash, **ways)
    assert reason(late) == "notice.replaced"
    frame = pd.DataFrame({"subject": ["dan"], "purpose": RECS, "kind": "yes", "at": [clock.now()]})
    assert reason(lambda: desk.load(frame, notice="paper form 7", **ways)) == "notice.unknown"
    assert desk.load(frame.assign(kind="no"), notice="paper form 7", **ways) == 1


def test_a_version_is_never_changed(shop: Deployment) -> None:
    first = add(shop)
    assert first.new
    assert add(shop) == type(first)(first.record, new=False)
    other = SHOP.document.replace("seven", "7")
    assert reason(lambda: add(shop, other)) == "notice.version"
    add(shop, version("2026-12"))
    assert reason(lambda: add(shop, SHOP.document.replace("en\n", "fr\n", 1))) == "notice.version"
    german = load_notice("pack:shop/de").document.replace("2026-11", "2026-12")
    more = german.replace("13mo", "2y")
    assert reason(lambda: add(shop, more)) == "notice.version"  # another head than in English
    assert add(shop, german).new


def test_a_notice_that_tells_too_little_is_not_added(shop: Deployment) -> None:
    with pytest.raises(PolicyError) as caught:
        add(shop, SHOP.document.replace("[mailer]", "[]"))
    assert caught.value.reason == "notice.untold"
    assert "`mailer`" in str(caught.value.problems[0]["what"])
    assert shop.notices.list() == []


def test_only_who_administers_may_add(shop: Deployment) -> None:
    with pytest.raises(AccessDenied):
        shop.principal("d", roles=["privacy-desk"]).admin.add_notice("pack:shop")


def test_what_was_shown_is_a_hash(shop: Deployment) -> None:
    add(shop)
    assert (
        reason(lambda: yes(shop, "ada", SHOP.hash, shown="<p>all of the page</p>"))
        == "consent.shown"
    )


def test_a_changed_text_is_not_shown(shop: Deployment) -> None:
    add(shop)
    with shop._parts.home.data.write() as tx:
        tx.run("UPDATE notice SET text = ?", (SHOP.document.replace("seven", "no"),))
    with pytest.raises(IntegrityError) as caught:
        shop.notices.show("shop/2026-11/en")
    assert caught.value.reason == "notice.changed"


def test_a_store_that_lost_its_notices_learns_them_from_the_log(opened: Any, clock: Any) -> None:
    with opened() as shop:
        yes(shop, "ada", "code")
        add(shop, version("2026-12", "material: true"))
        with shop._parts.home.data.write() as tx:  # an older copy of the data store
            let_the_ledger_go(tx)
            for table in ("notice", "ledger", "ground", "ground_delta", "ground_set", "ground_end"):
                tx.run(f"DELETE FROM {table}")
            tx.run("UPDATE meta SET value = ? WHERE key = 'applied_seq'", (b"-1",))
    with opened() as shop:
        assert state(shop, "ada") == "lapsed"
        with pytest.raises(StoreUnavailable) as caught:
            shop.subject("ada", proof="t").consent.ask([RECS])
        assert caught.value.reason == "notice.lost"
        assert (
            shop.subject("ada", proof="t")
            .consent.answer({RECS: False}, notice="shop/2026-12/en", how="web")
            .new
        )  # a no does not wait for a text
        assert not add(shop, version("2026-12", "material: true")).new
        assert shop.subject("ada", proof="t").consent.ask([RECS])
