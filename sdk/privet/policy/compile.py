"""Two documents in, one compiled policy out; or every fault of both at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from privet.errors import PolicyError
from privet.policy import layout
from privet.policy.checkdata import check_data
from privet.policy.checklaw import check_law, stricter_ages
from privet.policy.checkoverrides import check_overrides
from privet.policy.checkpolicy import check_policy
from privet.policy.checkrules import check_rules
from privet.policy.compose import compose
from privet.policy.composed import Composed
from privet.policy.context import Context
from privet.policy.dataform import DataForm, FieldForm, RevealForm
from privet.policy.decide import Ask
from privet.policy.digest import digest
from privet.policy.faults import validated
from privet.policy.hierarchy import closures
from privet.policy.imported import imports
from privet.policy.imports import Source, gather
from privet.policy.knowledge import (
    Because,
    EventSpec,
    FieldSpec,
    ItemSpec,
    Kind,
    Reveal,
    SubjectSpec,
    fold,
)
from privet.policy.life import check_approvals, check_end, life
from privet.policy.limits import check_limits, check_named
from privet.policy.minimize import (
    NOTHING,
    Minimize,
    parse_last,
    parse_least,
    parse_rule,
)
from privet.policy.period import Period
from privet.policy.places import spelt
from privet.policy.policy import Policy
from privet.policy.policyform import (
    AfterErasureForm,
    ContractBasis,
    DenyForm,
    DutyForm,
    HoldForm,
    InterestBasis,
    LawForm,
    MinimizeForm,
    ObligationBasis,
    OptOutBasis,
    PermitForm,
    PlaceHoldForm,
    PolicyForm,
    PurposeForm,
    TrialForm,
    VitalBasis,
)
from privet.policy.problems import Problems
from privet.policy.purpose import (
    AfterErasure,
    Assessment,
    Basis,
    Controller,
    Hold,
    ModelRules,
    PlaceRules,
    PurposeSpec,
    Recipient,
    SpecialGround,
)
from privet.policy.reading import read
from privet.policy.rules import BreakGlass, Deny, Duty, Permit
from privet.policy.trials import Given, Trial
from privet.policy.when import When
from privet.policy.whenform import circumstances, condition
from privet.types import SELF_ROLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.policy.reading import Document


def compile_texts(
    documents: Mapping[str, str],
    files: Mapping[str, str],
    policy_document: Document | None,
    source: Source,
    problems: Problems,
) -> Policy:
    """Compile the two texts, and those of the packs that the policy imports.

    Args:
        documents: ``{"policy": text, "data": text}``.
        files: the same keys to the file names that messages should show.
        policy_document: the policy as it was read; None where it could not be.
        source: where imported packs come from.
        problems: what was wrong with it so far.

    Raises:
        PolicyError: with every fault found in ``problems``.
    """
    if not {"policy", "data"} <= set(documents):
        raise PolicyError("a policy is two documents: `policy` and `data`")
    data_document = read(documents["data"], files["data"], problems)
    data = validated(DataForm, data_document, problems) if data_document else None
    policy = validated(PolicyForm, policy_document, problems) if policy_document else None
    packs = gather(policy_document, source, problems) if policy_document else ()
    problems.raise_if_any()
    # Without a problem each document was read and has its form.
    if data is None or policy is None or data_document is None or policy_document is None:
        raise PolicyError("the policy documents could not be read")
    check_end(data_document, documents["data"], data.end, problems)
    check_end(policy_document, documents["policy"], policy.end, problems)
    problems.raise_if_any()
    clashes = Problems()  # told with all that is found in what they are put together to
    composed = compose(policy_document, policy, packs, clashes)
    check_limits(data, composed.form, data_document, policy_document, problems)
    problems.raise_if_any()
    context = Context(data, data_document, composed, problems)
    check_named(context.named(), policy_document, problems)
    problems.raise_if_any()
    problems.found |= clashes.found
    check_data(context)
    check_policy(context)
    check_rules(context)
    check_law(context)
    check_approvals(context)
    problems.raise_if_any()
    check_overrides(context)
    return _build(context, _kept(documents, composed), _hash(data, policy))


def _kept(documents: Mapping[str, str], composed: Composed) -> dict[str, str]:
    """Every text that the policy was compiled from, those of its imports included."""
    own = {name: documents[name] for name in ("policy", "data")}
    return own | {
        f"pack:{pack.name}:{name}": text
        for pack in composed.imports.values()
        for name, text in pack.texts.items()
    }


def _build(context: Context, documents: Mapping[str, str], hashed: str) -> Policy:
    data, policy = context.data, context.policy
    fields = {name: _field(context, name, form) for name, form in context.fields.items()}
    purposes = {n: _purpose(context, n, form) for n, form in policy.purposes.items()}
    permits = {form.id: _permit(context, form) for _, form in context.permits}
    parents = {name: form.inherits for name, form in policy.roles.items()}
    return Policy(
        name=policy.name,
        hash=hashed,
        documents=documents,
        timezone=data.timezone,
        controller=Controller(
            policy.controller.name, policy.controller.contact, policy.controller.officer
        ),
        subject=SubjectSpec(data.subject.is_, data.subject.id, data.subject.age or ""),
        recipients={
            name: Recipient(
                name, r.is_, r.country, r.contract, context.expand(r.receives), r.safeguard or ""
            )
            for name, r in policy.recipients.items()
        },
        events={
            name: EventSpec(name, tuple(event.unique), tuple(event.fields))
            for name, event in data.events.items()
        },
        fields=fields,
        items=_items(context),
        purposes=purposes,
        assessments={n: Assessment(a.is_, a.text) for n, a in policy.assessments.items()},
        roles=closures(parents) | {SELF_ROLE: frozenset({SELF_ROLE})},
        separate=tuple(frozenset(group) for _, group in policy.apart),
        duties=tuple(_duty(form) for _, form in policy.duties),
        permits=permits,
        denies=tuple(_deny(context, d) for d in sorted(policy.denies, key=lambda d: d.id)),
        trials=tuple(_trial(context, form) for form in policy.tests),
        atoms=layout.atoms(fields, permits.values(), purposes.values()),
        domains=layout.domains(purposes.values()),
        own_consent=stricter_ages(context),
        imports=imports(context.composed),
        after_erasure=_after_erasure(policy.after_erasure),
        protects=spelt(frozenset(policy.protects)),
        life=life(data, policy),
        warnings=tuple(context.problems.warned[key] for key in sorted(context.problems.warned)),
    )


def _hash(data: DataForm, policy: PolicyForm) -> str:
    # Where a document ends says nothing of what it means.
    plain = data.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"end"})
    for name, event in data.events.items():
        # The order of an event's fields is the order of its columns.
        plain["events"][name]["fields_in_order"] = list(event.fields)
    rules = policy.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"end"})
    return digest("privet-policy-v1", {"data": plain, "policy": rules})


def _field(context: Context, name: str, form: FieldForm) -> FieldSpec:
    event, _, bare = name.partition(".")
    category = context.data.categories[form.category]
    kind, _, scale = form.type.removesuffix(")").partition("(")
    return FieldSpec(
        name=name,
        event=event,
        bare=bare,
        kind=_KINDS[kind],
        scale=int(scale or 0),
        values=tuple(form.values or ()),
        category=form.category,
        special=category.special,
        from_device=category.from_device,
        optional=form.optional,
    )


_KINDS: dict[str, Kind] = {
    "text": "text",
    "id": "id",
    "item": "item",
    "int": "int",
    "decimal": "decimal",
    "seconds": "seconds",
    "bool": "bool",
    "band": "band",
}


def _items(context: Context) -> ItemSpec:
    items = context.data.items
    return ItemSpec(
        fields={name: str(kind) for name, kind in items.fields.items()},
        reveals={name: _reveal(rule) for name, rule in items.reveals.items()},
        never=tuple(sorted(context.policy.never)),
    )


def _reveal(rule: RevealForm) -> Reveal:
    groups = [Because(g.why, _tuples(g.__pydantic_extra__)) for g in rule.because or ()]
    if rule.__pydantic_extra__:
        groups.insert(0, Because(rule.why or "", _tuples(rule.__pydantic_extra__)))
    folded: dict[str, frozenset[str]] = {}
    for group in groups:
        for name, values in group.values.items():
            folded[name] = folded.get(name, frozenset()) | {fold(v) for v in values}
    return Reveal(rule.special, rule.min_age, folded, tuple(groups))


def _tuples(values: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(listed) for name, listed in values.items()}


def _basis(form: PurposeForm) -> tuple[Basis, str]:
    match form.basis:
        case ContractBasis(contract=reference):
            return "contract", reference
        case InterestBasis(legitimate_interest=reference):
            return "legitimate-interest", reference
        case ObligationBasis(legal_obligation=law):
            return "legal-obligation", law
        case VitalBasis(vital_interests=text):
            return "vital-interests", text
        case OptOutBasis(opt_out=law):
            return "opt-out", law
        case _:
            return "consent", ""


def _special(form: str | LawForm) -> tuple[str, str]:
    return (form.ground, form.law) if isinstance(form, LawForm) else (form, "")


def _purpose(context: Context, name: str, form: PurposeForm) -> PurposeSpec:
    basis, reference = _basis(form)
    reuses = tuple(sorted(form.reuses))
    hold, models = form.hold, form.models
    text, retention = context.told(name)
    return PurposeSpec(
        name=name,
        text=text or "",
        basis=basis,
        reference=reference,
        retention=Period.parse(retention or ""),
        renew=Period.parse(form.renew) if form.renew else None,
        reuses=reuses,
        assessments=tuple(form.reuses[source].assessment for source in reuses),
        builds_on=tuple(sorted(form.builds_on)),
        special=tuple(
            SpecialGround(reveal, *_special(ground))
            for reveal, ground in sorted(form.special.items())
        ),
        hold=_hold(context, hold, hold) if hold else None,
        direct_marketing=form.direct_marketing,
        recipients=tuple(sorted(form.recipients)),
        models=ModelRules(Period.parse(models.deadline), models.co_count_floor, models.least)
        if models
        else ModelRules(),
        parent=form.parent,
        human_step=form.human_step or "",
        jurisdictions=tuple(
            PlaceRules(
                spelt(frozenset({code})),
                Period.parse(rule.retention) if rule.retention else None,
                Period.parse(rule.renew) if rule.renew else None,
                _hold(context, hold, rule.hold) if hold and rule.hold else None,
            )
            for code, rule in sorted(form.jurisdictions.items())
        ),
        where=spelt(frozenset(form.basis.where))
        if isinstance(form.basis, OptOutBasis)
        else frozenset(),
    )


def _duty(form: DutyForm) -> Duty:
    match form.within:
        case "session" | "subject" | "version" as per:
            return Duty(frozenset(form.roles), per, None)
        case period:
            return Duty(frozenset(form.roles), "session", Period.parse(period))


def _after_erasure(form: AfterErasureForm | None) -> AfterErasure:
    usual = AfterErasure()
    if form is None:
        return usual
    mark = form.suppression
    return AfterErasure(
        form.records or usual.records,
        mark.ground if mark else usual.suppression,
        Period.parse(mark.period) if mark else usual.period,
        Period.parse(form.kept) if form.kept else usual.kept,
    )


def _hold(context: Context, held: HoldForm, said: HoldForm | PlaceHoldForm) -> Hold:
    """What is held; for no time at all where no law is named for it."""
    period = Period.parse(said.period) if said.period else Period()
    return Hold(context.expand(held.fields), period, said.law or "")


def _permit(context: Context, form: PermitForm) -> Permit:
    minimize = _minimize(context, form.minimize) if form.minimize else NOTHING
    least = form.minimize.least if form.minimize else None
    return Permit(
        id=form.id,
        role=form.role,
        purpose=form.purpose,
        actions=frozenset(form.may),
        fields=context.expand(form.fields),
        minimize=minimize,
        least=parse_least(least) if least else 1,
        to=frozenset(form.to or ()),
        when=_opened(form),
        break_glass=BreakGlass(form.break_glass.minutes, frozenset(form.break_glass.second))
        if form.break_glass
        else None,
    )


def _opened(form: PermitForm) -> When | None:
    """The condition of a permit; one for an emergency grants only where it is open."""
    when = condition(form.when) if form.when else None
    return replace(when or When(), emergency=form.id) if form.break_glass else when


def _minimize(context: Context, form: MinimizeForm) -> Minimize:
    rules = ((name, *parse_rule(text)) for name, text in form.__pydantic_extra__.items())
    return Minimize(
        drop=context.expand(form.drop),
        last=parse_last(form.last) if form.last else None,
        time=form.time,
        rules=tuple(sorted(rules)),
    )


def _deny(context: Context, form: DenyForm) -> Deny:
    return Deny(
        id=form.id,
        text=form.text,
        roles=frozenset(form.roles) if form.roles else None,
        purposes=context.denied(form),
        actions=frozenset(form.may_not) if form.may_not else None,
        fields=context.withheld(form),
        when=condition(form.when) if form.when else None,
    )


def _trial(context: Context, form: TrialForm) -> Trial:
    given = form.given
    fields = frozenset[str]().union(
        # A pattern that names no field stays as it is: a test may ask for what is unknown.
        *(context.expand([p]) or {p} for p in form.fields)
    )
    return Trial(
        name=form.name,
        given=Given(
            frozenset(given.contract),
            frozenset(given.agreed),
            frozenset(given.withdrawn),
            frozenset(given.objected),
            given.restricted,
            circumstances(given),
            frozenset(given.opted_out),
        ),
        ask=Ask(frozenset({form.as_}), form.purpose, form.may, fields, form.to),
        then=form.then,
    )
