"""Whatever is refused: what would allow it was tried, and no deny is lifted."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from privet.policy import Ask, compile_documents, load
from privet.policy.when import UNKNOWN
from privet.review import edits, remedies
from privet.review import explain as explained

TEXTS = dict(load("pack:grocery").documents)
TEXTS["policy"] = TEXTS["policy"].replace(
    "tests:\n",
    "denies:\n"
    "  - {id: no-income, text: No., fields: [profile.income]}\n"
    "  - {id: no-mail, text: No., roles: [trainer], for: [newsletter]}\n"
    "tests:\n",
)
POLICY = compile_documents(TEXTS)
FIELDS = ["profile.income", "profile.email", "purchase.item", "purchase.value", "view.item"]

asks = st.builds(
    Ask,
    st.frozensets(st.sampled_from([*POLICY.roles, "analist"]), max_size=2),
    st.sampled_from([*POLICY.purposes, "privet:rights", "privet:consent", "newsleter"]),
    st.sampled_from(["read", "train", "derive", "export", "collect", "answer"]),
    st.frozensets(st.sampled_from(FIELDS), max_size=2),
    st.sampled_from([None, "mailer"]),
)


@settings(max_examples=60, deadline=None)
@given(asks)
def test_an_explanation_is_total_and_agrees_with_the_decision(ask: Ask) -> None:
    found = explained(POLICY, ask)
    assert found.allowed == POLICY.decide(ask).allowed
    assert found.sentence
    if found.allowed:
        assert found.remedies == ()
    if found.decision.deny is not None:
        assert {r.kind for r in found.remedies} <= {"ask", "tell", "deny"}
        assert found.remedies[-1].kind == "deny"


@settings(max_examples=60, deadline=None)
@given(asks)
def test_every_edit_that_is_offered_compiles_and_allows(ask: Ask) -> None:
    """The edits behind the lines, made anew from the document as an author would."""
    if POLICY.decide(ask).allowed or POLICY.decide(ask).deny or ask.roles - set(POLICY.roles):
        return
    for permit in POLICY.permits.values():
        if permit.role not in ask.roles or permit.purpose != ask.purpose:
            continue
        edit = remedies._addition(POLICY, ask, permit)
        after = edits.tried(POLICY, edit)
        offered = any(f"to the permit `{permit.id}`" in r.line and "reuse" not in r.line
                      for r in remedies.remedies(POLICY, ask, UNKNOWN))  # fmt: skip
        allows = after is not None and after.decide(ask).allowed
        assert offered == allows
        if after is not None:
            assert after.denies == POLICY.denies
