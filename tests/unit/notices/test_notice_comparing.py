"""Where the policy permits more than the notice tells, what and where."""

from __future__ import annotations

import pytest

from privet.notices import compare, load_notice, read_notice
from privet.policy import compile_documents, load

SHOP = load_notice("pack:shop")
POLICY = load("pack:shop")


@pytest.mark.parametrize(
    ("old", "new", "what", "at"),
    [
        ("[transaction, behaviour]", "[transaction]", "`behaviour`", "recommendations"),
        ("    recipients: [mailer]\n", "", "`mailer`", "newsletter"),
        ("    retention: 2y\n", "    retention: 23mo\n", "longer than the 23mo told", "orders"),
        ("    held: 7y\n", "", "a law holds", "orders"),
        ("    held: 7y\n", "    held: 6y\n", "a law holds", "orders"),
        ("[contact]", "[contact, wealth]", "no category `wealth`", "newsletter"),
        ("[mailer]", "[mailer, printer]", "no recipient `printer`", "newsletter"),
        ("  newsletter:\n    ask:", "  newsletter:\n    tell:", "rests on consent", "newsletter"),
        ("    tell: To take", "    ask: To take", "rests on contract", "orders"),
    ],
)
def test_what_is_not_told_is_an_error(old: str, new: str, what: str, at: str) -> None:
    assert old in SHOP.document
    notice = read_notice(SHOP.document.replace(old, new), "n.md")
    (fault,) = compare(POLICY, [notice])
    assert what in str(fault["what"])
    assert fault["file"] == "n.md"
    lines = notice.document.split("\n")
    begin = 1 + lines.index(f"  {at}:")
    assert begin <= int(fault["line"]) <= begin + 5


def test_a_purpose_that_nobody_is_told_of_is_an_error() -> None:
    head, _, rest = SHOP.document.partition("  newsletter:")
    without = read_notice(head + rest[rest.index("answers:") :])
    (fault,) = compare(POLICY, [without])
    assert "no live notice tells of the purpose `newsletter`" in str(fault["what"])


def test_a_purpose_that_the_policy_does_not_have_is_an_error() -> None:
    notice = read_notice(SHOP.document.replace("  newsletter:", "  letters:"))
    faults = [str(fault["what"]) for fault in compare(POLICY, [notice])]
    assert any("no purpose `letters`" in what for what in faults)


def test_a_notice_may_tell_more() -> None:
    more = SHOP.document.replace("[contact]", "[contact, transaction]").replace("13mo", "2y")
    assert compare(POLICY, [read_notice(more)]) == ()


def test_periods_are_compared_by_the_calendar() -> None:
    """365 days fall short of a year that has a leap day in it."""
    year = SHOP.document.replace("retention: 2y", "retention: 730d")
    assert [f["what"] for f in compare(POLICY, [read_notice(year)])]
    assert (
        compare(POLICY, [read_notice(SHOP.document.replace("retention: 2y", "retention: 731d"))])
        == ()
    )


def test_a_wider_permit_is_found_by_the_category_of_its_fields() -> None:
    wider = dict(POLICY.documents)
    wider["policy"] = (
        wider["policy"]
        .replace(
            "fields: [profile.email], to: [mailer]",
            "fields: [profile.email, purchase.item], to: [mailer]",
        )
        .replace("receives: [profile.email]", "receives: [profile.email, purchase.item]")
    )
    (fault,) = compare(compile_documents(wider), [SHOP])
    assert "`newsletter` may use `transaction` data" in str(fault["what"])
    assert "`campaign`" in str(fault["what"])
