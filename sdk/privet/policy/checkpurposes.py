"""Checks of purposes: what law asks of each, and of what stands under what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privet.policy.hierarchy import circular
from privet.policy.period import Period, longer
from privet.policy.places import GROUPS, spelt
from privet.policy.policyform import (
    ContractBasis,
    HoldForm,
    InterestBasis,
    LawForm,
    OptOutBasis,
    PurposeForm,
)
from privet.policy.whenform import check_places

if TYPE_CHECKING:
    from privet.policy.context import Context
    from privet.policy.reading import Path

_LIABLE = frozenset({"explicit-consent", "public-interest"})
_OF_ARTICLE_6 = GROUPS["EEA"] | {"GB"}
"""Where data is used on a ground of Art. 6(1) alone; silence is no consent (recital 32)."""


def check_purposes(context: Context) -> None:
    """Note every fault of the purposes."""
    purposes = context.policy.purposes
    for name, form in purposes.items():
        _check_purpose(context, name, form)
    for name in circular({n: p.builds_on for n, p in purposes.items()}):
        context.wrong(
            ("purposes", name, "builds_on"),
            "purposes build on each other",
            "none of them would have a ground of its own (Art. 6(1))",
            "Break the circle.",
        )
    looped = circular({n: [p.parent] if p.parent else [] for n, p in purposes.items()})
    for name in looped:
        context.wrong(
            ("purposes", name, "parent"),
            "purposes stand under each other",
            "none of them would have a retention or a text of its own",
            "Break the circle.",
        )
    if not looped:
        for name, form in purposes.items():
            _check_told(context, name, form)


def _check_purpose(context: Context, name: str, form: PurposeForm) -> None:
    path: Path = ("purposes", name)
    others = set(context.policy.purposes) - {name}
    context.known((*path, "builds_on"), form.builds_on, others, "the purpose")
    context.known(
        (*path, "recipients"), form.recipients, context.policy.recipients, "the recipient"
    )
    if form.parent is not None:
        context.known((*path, "parent"), [form.parent], others, "the purpose")
    if form.renew is not None and form.basis != "consent":
        _renews(context, (*path, "renew"))
    if not context.serving(name) and name not in context.families:
        context.wrong(
            path,
            "no permit serves this purpose",
            "people would be asked for what is never done (Art. 5(1)(b))",
            "Add a permit or remove it.",
        )
    trained = any("train" in p.may for p in context.serving(name))
    if form.models is not None and not trained:
        context.wrong(
            (*path, "models"),
            "no permit trains for this purpose",
            "rules for models that there cannot be protect nobody",
            "Remove `models`.",
        )
    personal = any("recommend" in p.may for p in context.serving(name))
    if personal and isinstance(form.basis, ContractBasis):
        context.warn(
            (*path, "basis"),
            "recommendations on a contract alone",
            "a contract seldom needs them (Art. 6(1)(b); EDPB Guidelines 2/2019, section 3.3)",
            "Rest them on consent, or show why the contract cannot be performed without them.",
        )
    for source in form.reuses:
        _check_reuse(context, name, source)
    _check_special(context, name, form)
    _check_automated(context, path, form)
    _check_jurisdictions(context, path, form)
    if isinstance(form.basis, OptOutBasis):
        _check_opt_out(context, (*path, "basis", "where"), form.basis)
    if form.hold is not None:
        _check_hold(context, name, form, form.hold)


def _check_opt_out(context: Context, path: Path, basis: OptOutBasis) -> None:
    check_places(context, path, basis.where)
    if not spelt(frozenset(basis.where)).isdisjoint(_OF_ARTICLE_6):
        context.wrong(
            path,
            "no law there lets a purpose stand until somebody opts out",
            "silence is no consent, and data is used on a ground of Art. 6(1) alone (recital 32)",
            "Leave these places out, or ask people there under a purpose that rests on consent.",
        )


def _renews(context: Context, path: Path) -> None:
    context.wrong(
        path,
        "only a consent is renewed",
        "another ground ends with what it rests on",
        "Remove `renew`.",
    )


def _check_told(context: Context, name: str, form: PurposeForm) -> None:
    """Each purpose tells what it is and how long: its own words, or its parent's."""
    path: Path = ("purposes", name)
    text, retention = context.told(name)
    if text is None:
        context.wrong(
            path,
            "the key `text` is missing",
            "a person is told what her data is used for (Art. 13(1)(c))",
            "Add it, or name a `parent` that has one.",
        )
    if retention is None:
        context.wrong(
            path,
            "the key `retention` is missing",
            "data is kept no longer than its purpose needs (Art. 5(1)(e))",
            "Add it, or name a `parent` that has one.",
        )
    above = context.told(form.parent)[1] if form.parent else None
    if form.retention and above and longer(Period.parse(form.retention), Period.parse(above)):
        context.wrong(
            (*path, "retention"),
            "longer than the retention of the purpose above it",
            "a part of a purpose needs nothing longer than the whole (Art. 5(1)(e))",
            "Shorten it.",
        )


def _check_reuse(context: Context, name: str, source: str) -> None:
    path: Path = ("purposes", name, "reuses", source)
    others = [other for other in context.policy.purposes if other != name]
    if source not in others:
        context.wrong(
            path,
            "this is no other purpose of the policy",
            "only what was collected for another purpose is reused (Art. 6(4))",
            "Name one, or remove it.",
            context.problems.near(source, others),
        )
    elif context.used(name).isdisjoint(context.collected(source)):
        context.wrong(
            path,
            "no permit reads what that purpose collects",
            "a reuse that nobody needs is one too many (Art. 5(1)(b))",
            "Remove this reuse.",
        )


def _check_hold(context: Context, name: str, purpose: PurposeForm, form: HoldForm) -> None:
    placed = any(rule.hold is not None for rule in purpose.jurisdictions.values())
    if (form.period is None) != (form.law is None) or (form.period is None and not placed):
        context.wrong(
            ("purposes", name, "hold"),
            "a hold needs a time and the law that asks for it",
            "what a law does not keep is destroyed with the rest (Art. 17(1), (3)(b))",
            "Say `for` and `law`, here or under `jurisdictions`.",
        )
    path: Path = ("purposes", name, "hold", "fields")
    patterns = form.fields
    context.known_fields(path, patterns)
    if context.expand(patterns) - context.collected(name):
        context.wrong(
            path,
            "a held field is not collected for this purpose",
            "a law keeps only what there is (Art. 17(3)(b))",
            "Hold what is collected.",
        )


def _check_special(context: Context, name: str, form: PurposeForm) -> None:
    path: Path = ("purposes", name, "special")
    reveals, never = context.data.items.reveals, context.policy.never
    context.known(path, form.special, reveals, "the rule of `items.reveals`")
    for reveal, ground in form.special.items():
        if reveal in never:
            context.wrong(
                (*path, reveal),
                f"`{reveal}` is under `never`",
                "what no purpose learns from needs no ground in one",
                "Take it out of one of the two.",
            )
        if reveal in reveals and not reveals[reveal].special:
            context.wrong(
                (*path, reveal),
                f"`{reveal}` is no special category",
                "grounds of Art. 9(2) are for those of Art. 9(1)",
                "It needs no ground here.",
            )
        if ground == "explicit-consent" and form.basis != "consent":
            context.wrong(
                (*path, reveal),
                "an explicit consent is a consent of its own (Art. 9(2)(a))",
                "a contract or an interest holds no explicit consent",
                "Rest the purpose on consent, or name the law that allows it.",
            )


def _check_automated(context: Context, path: Path, form: PurposeForm) -> None:
    """Refuse decisions by machines alone that matter to people: Art. 22."""
    significant = form.automated_decision == "significant"
    if significant and form.human_step is None:
        context.wrong(
            (*path, "automated_decision"),
            "a significant decision by a machine alone (Art. 22(1))",
            "a person may have a human look at it (Art. 22(3))",
            "Say under `human_step` who decides in the end.",
        )
    if form.human_step is not None and not significant:
        context.wrong(
            (*path, "human_step"),
            "a human step where nothing significant is decided",
            "it belongs to `automated_decision: significant` (Art. 22(3))",
            "Remove it, or say what is decided.",
        )
    if not significant:
        return
    if isinstance(form.basis, InterestBasis):
        context.wrong(
            (*path, "basis"),
            "a significant decision on a legitimate interest (Art. 22(2))",
            "it needs a contract, a law or an explicit consent",
            "Rest it on one of them.",
        )
    for reveal, ground in form.special.items():
        kind = ground.ground if isinstance(ground, LawForm) else ground
        if kind not in _LIABLE:
            context.wrong(
                (*path, "special", reveal),
                "a significant decision on a special category (Art. 22(4))",
                "it needs an explicit consent or a substantial public interest",
                "Leave the category out, or name one of these grounds.",
            )


def _check_jurisdictions(context: Context, path: Path, form: PurposeForm) -> None:
    check_places(context, (*path, "jurisdictions"), list(form.jurisdictions))
    for code, rule in form.jurisdictions.items():
        place: Path = (*path, "jurisdictions", code)
        if rule.renew is not None and form.basis != "consent":
            _renews(context, (*place, "renew"))
        if rule.hold is not None and form.hold is None:
            context.wrong(
                (*place, "hold"),
                "the purpose itself holds no fields",
                "what is held has a key of its own, which all places share",
                "Add `hold` with its `fields` to the purpose.",
            )
        if rule.renew is None and rule.retention is None and rule.hold is None:
            context.wrong(
                place,
                "nothing is said of this place",
                "what is left out is as everywhere",
                "Say `retention`, `renew` or `hold`, or remove it.",
            )
        for key, here, everywhere in (
            ("retention", rule.retention, form.retention),
            ("renew", rule.renew, form.renew),
        ):
            if here and everywhere and longer(Period.parse(here), Period.parse(everywhere)):
                context.wrong(
                    (*place, key),
                    f"longer than the purpose's own `{key}`",
                    "a place may be stricter than what holds everywhere, never laxer",
                    "Shorten it, or lengthen the other.",
                )
