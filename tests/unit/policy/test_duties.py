"""Groups of roles that one person may hold and not use together, in the documents."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from privet.errors import AccessDenied
from privet.policy import Ask, Period, Policy
from privet.review import diff
from privet.review.dropped import dropped

Edited = Callable[..., Policy]
Faults = Callable[..., list[dict[str, str | int]]]
OLD = "separate: [[desk, auditor]]"


def within(what: str, roles: str = "[clerk, trainer]") -> tuple[tuple[str, str], ...]:
    return ((OLD, f"separate: [[desk, auditor], {{roles: {roles}, within: {what}}}]"),)


def test_a_role_may_inherit_both_and_a_request_may_not_use_both(edited: Edited) -> None:
    head = ("  desk: {}", "  desk: {}\n  head: {inherits: [chief, trainer]}")
    for what in ("session", "subject", "version", "30d"):
        policy = edited(policy=(head, *within(what)))
        assert {"clerk", "trainer"} <= policy.check_roles(["head"])
        fields = frozenset({"view.item"})
        for roles in ({"head"}, {"clerk", "trainer"}, {"chief", "trainer"}):
            ask = Ask(frozenset(roles), "suggestions", "recommend", fields)
            assert policy.decide(ask).reason == "role.together"
        alone = Ask(frozenset({"chief"}), "suggestions", "recommend", fields)
        assert policy.decide(alone).allowed


def test_what_is_apart_for_good_is_as_it_was(edited: Edited) -> None:
    policy = edited(policy=within("session"))
    assert policy.separate == (frozenset({"desk", "auditor"}),)
    with pytest.raises(AccessDenied) as refused:
        policy.check_roles(["desk", "auditor"])
    assert refused.value.reason == "role.separate"
    (duty,) = edited(policy=within("30d")).duties
    assert (duty.period, duty.per, duty.within) == (Period(days=30), "session", "30d")


FAULTS = [
    (within("forever"), "within"),
    (within("0d"), "within"),
    (within("session", "[clerk]"), "too few"),
    (within("session", "[clerk, clerks]"), "`clerks` is not declared"),
    (within("session", "[clerk, self]"), "`self` is not declared"),
    (within("session", "[clerk, clerk]"), "named twice"),
    (((OLD, "separate: [{roles: [clerk, desk]}]"),), "`within` is missing"),
    (((OLD, "separate: [{roles: [clerk, desk], within: session, most: 2}]"),), "unknown key"),
    (((OLD, "separate: [[desk]]"),), "too few"),
    (((OLD, "separate: [desk]"),), "list"),
]  # fmt: skip


@pytest.mark.parametrize(("some", "what"), FAULTS)
def test_a_group_that_binds_nobody_is_refused(
    faults: Faults, some: tuple[tuple[str, str], ...], what: str
) -> None:
    found = faults(policy=some)
    assert [f for f in found if what in str(f["what"]) + str(f["fix"])], found


def test_a_difference_and_a_loss_are_told(edited: Edited) -> None:
    plain, apart, longer = edited(), edited(policy=within("30d")), edited(policy=within("60d"))
    told = {change.sentence: change.kind for change in diff(plain, apart).changes}
    assert told["one person may no longer use both clerk and trainer within: 30d"] == "lost"
    assert set(told.values()) == {"lost"}
    assert not diff(apart, longer).same
    assert diff(apart, edited(policy=within("30d", "[trainer, clerk]"))).same
    three = edited(policy=within("30d", "[clerk, trainer, auditor]"))
    pairs = ("[clerk, trainer]", "[clerk, auditor]", "[trainer, auditor]")
    said = ", ".join(f"{{roles: {pair}, within: 30d}}" for pair in pairs)
    assert diff(three, edited(policy=((OLD, f"separate: [[desk, auditor], {said}]"),))).same
    assert dropped(apart, plain) == ("the separation of clerk and trainer within 30d",)


def test_who_serves_need_not_be_who_trains(edited: Edited, faults: Faults) -> None:
    alone = (
        "  - {id: put, role: auditor, for: suggestions, may: [serve], fields: [purchase.item]}\n"
    )
    policy = edited(policy=(("  - {id: follow", f"{alone}  - {{id: follow"),))
    ask = Ask(frozenset({"auditor"}), "suggestions", "serve", frozenset({"purchase.item"}))
    assert policy.decide(ask).permits == ("put",)
    assert not policy.decide(ask._replace(fields=frozenset({"view.item"}))).allowed
