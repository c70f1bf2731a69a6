"""Every version is kept; what was decided once is judged by the policy of that time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.corner import DATA, FINER, POLICY

from privet.db import locate, open_stores
from privet.errors import AccessDenied, IntegrityError, PolicyError, StoreUnavailable
from privet.gate import policies
from privet.policy import load

CONSENT = POLICY.replace("basis: {contract: order}", "basis: consent")


def test_what_was_active_is_kept_with_when_and_by_whom(corner, clock):
    first = corner.shop.policy.hash
    clock.advance(timedelta(days=1))
    second = corner.activate(corner.write(FINER))
    one, two = corner.admin.history()
    assert (one.hash, two.hash) == (first, second)
    assert (one.who, two.who) == ("privet", corner.shop._parts.pseudonym("olga"))
    assert two.at - one.at == 86_400_000_000
    record = corner.records()[two.seq]
    assert (record["subject"], record["hash"], record["ts"]) == ("policy", second, two.at)
    assert (
        corner.shop.version(first[:16]) == corner.shop.version(first) == load(corner.write(POLICY))
    )
    assert corner.shop.version(first).documents["data"] == DATA


def test_a_version_is_of_an_instant(corner, clock):
    parts, first = corner.shop._parts, corner.shop.policy.hash
    before = int(clock.now().timestamp() * 1e6)
    clock.advance(timedelta(hours=1))
    second = corner.activate(corner.write(FINER))
    clock.advance(timedelta(hours=1))
    third = corner.activate(f"home:{first}")
    assert third == first
    parts = corner.shop._parts
    told = [policies.as_of(parts, before + h * 3_600_000_000).hash for h in (-9, 0, 1, 2, 9)]
    assert told == [first, first, second, first, first]


@pytest.mark.parametrize("digits", ["", "0" * 16, "abc", "%" * 16, "_" * 64, "home:"])
def test_what_was_never_active_is_told(corner, digits):
    with pytest.raises(PolicyError, match=r"policy\.unknown"):
        corner.shop.version(digits)


def test_each_record_names_a_version_that_is_kept(corner):
    corner.buy("ann")
    corner.activate(corner.write(FINER))
    corner.buy("ben")
    named = {r["policy"] for r in corner.records()}
    assert len(named) == 2
    assert {corner.shop.version(digits).hash[:16] for digits in named} == named


def test_the_ground_of_a_record_is_told_by_the_policy_of_that_time(corner):
    """The purpose rests on consent now; what was read then was read under a contract."""
    corner.buy("ann")
    corner.shop.principal("carl", roles=["shop"]).purpose("service").profile("ann", "name")
    seq = next(i for i, r in enumerate(corner.records()) if r["action"] == "read")
    corner.activate(corner.write(CONSENT.replace("[begin, end]", "[withdraw]")))
    desk = corner.shop.principal("dora", roles=["desk"]).audit
    (ground,) = desk.ground("ann", seq)["grounds"]
    assert (ground["basis"], ground["holds"]) == ("contract", True)


def test_requests_of_then_are_compared_with_how_they_were_minimized_then(corner):
    corner.buy("ann")
    reader = corner.shop.principal("carl", roles=["shop"]).purpose("service")
    reader.profile("ann", "city")
    then = corner.shop.policy.hash
    corner.activate(corner.write(POLICY.replace("2y", "1y")))
    desk = corner.shop.principal("dora", roles=["desk"]).audit
    since = datetime(2026, 1, 1, tzinfo=UTC)
    found = desk.replay(f"home:{then}", since=since)
    assert found.changes == ()
    assert found.compared > 0
    refused = POLICY.replace('[read], fields: ["*"]', "[read], fields: [profile.name]").replace(
        "  - {id: contracts",
        '  - {id: every, role: ops, for: service, may: [read], fields: ["*"]}\n  - {id: contracts',
    )
    told = desk.replay(corner.write(refused), since=since)
    assert [(c.outcome, sorted(c.ask.fields)) for c in told.changes] == [
        ("refused", ["profile.city"])
    ]


def test_documents_put_past_privet_are_noticed(corner):
    """The store alone is given another policy, with its right hash; no record says so."""
    other = load(corner.write(FINER))
    with corner.shop._parts.home.data.write() as tx:
        policies.make_active(tx, other)
    corner.shop.close()
    with pytest.raises(IntegrityError, match=r"policy\.unrecorded"):
        corner.open()
    stores = open_stores(locate(corner.where), "OFF")
    with stores.data.write() as tx:  # nor does a line beside it do
        policies.note(tx, policies.Activation(1, other.hash, 0))
    stores.close()
    with pytest.raises(IntegrityError, match=r"policy\.unrecorded"):
        corner.open()


def test_changed_documents_of_a_version_are_noticed(corner):
    first = corner.shop.policy.hash
    corner.activate(corner.write(FINER))
    with corner.shop._parts.home.data.write() as tx:
        for trigger in ("policy_version_no_update", "policy_version_only_grows"):
            on = " ON policy_version" if tx.for_update else ""
            tx.run(f"DROP TRIGGER IF EXISTS {trigger}{on}")
        tx.run(
            "UPDATE policy_version SET documents = replace(documents, 'Values stay', 'Values go') "
            "WHERE hash = ?",
            (first,),
        )
    with pytest.raises(PolicyError, match=r"policy\.changed"):
        corner.shop.version(first)


def test_history_is_for_who_administers(corner):
    with pytest.raises(AccessDenied):
        corner.shop.principal("carl", roles=["shop"]).admin.history()


def test_another_type_for_a_stored_field_changes_nothing(corner):
    before, size = corner.shop.policy.hash, len(corner.records())
    corner.buy("ann")
    corner.write(POLICY, DATA.replace("value: {type: int", "value: {type: text"))
    with pytest.raises(PolicyError, match=r"layout\.kind"):
        corner.admin.activate(corner.path)
    corner.again()
    assert corner.shop.policy.hash == before
    told = [r for r in corner.records()[size:] if r.get("subject") == "policy"]
    assert told == []  # nothing says that it was activated


def test_a_slice_is_the_same_after_a_word_that_binds_nobody(corner):
    """A comment, a test's name or another purpose: no model is trained anew."""
    policy = load(corner.write(POLICY))
    more = POLICY.replace("denies:", "# a word\ndenies:").replace(
        "  - {id: contracts",
        "  - {id: more, role: ops, for: other, may: [collect, read], "
        "fields: [profile.name]}\n  - {id: contracts",
    )
    more = more.replace(
        "roles:\n", "  other: {text: More., basis: consent, retention: 1y}\nroles:\n"
    )
    more += (
        "tests:\n  - {name: it looks, given: {contract: [service]}, as: shop, for: service, "
        "may: read, fields: [profile.name], then: allow}\n"
    )
    renamed = load(corner.write(more.replace("it looks", "it does look")))
    again = load(corner.write(more))
    assert again.hash != policy.hash
    assert renamed.hash != again.hash
    assert {p.slice_hash("service") for p in (again, renamed)} == {again.slice_hash("service")}
    assert policy.slice_hash("service") == again.slice_hash("service")


def test_a_slice_is_another_after_a_word_that_binds(corner):
    policy = load(corner.write(POLICY))
    for old, new in (("2y", "1y"), ("fields: [purchase.value]", "fields: [purchase.item]")):
        assert load(corner.write(POLICY.replace(old, new))).slice_hash("service") != (
            policy.slice_hash("service")
        )


def test_an_old_handle_refuses_from_its_next_read(corner):
    corner.buy("ann")
    other = corner.open()
    desk = other.principal("carl", roles=["shop"]).purpose("service")
    desk.profile("ann", "name")
    corner.activate(corner.write(POLICY.replace("2y", "1y")))
    for act in (
        lambda: desk.profile("ann", "name"),
        lambda: desk.record("ann", "purchase", order="o2", item="tea", value=1),
        lambda: other.principal("olga", roles=["ops"]).admin.history(),
        other.maintenance.run,
    ):
        with pytest.raises(AccessDenied, match=r"policy\.replaced"):
            act()
    other.close()


def test_a_home_without_versions_is_told(corner):
    with corner.shop._parts.home.data.write() as tx:
        tx.run("DELETE FROM meta WHERE key = 'policy'")
    corner.shop.close()
    with pytest.raises(StoreUnavailable, match=r"store\.unfinished"):
        corner.open()
