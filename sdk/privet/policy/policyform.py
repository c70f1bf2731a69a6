"""The form of ``policy.yaml``: who may use what, why. Owner: the privacy desk."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from privet.policy.lawform import FieldKinds, Import, PurposeKinds, RequirementForm
from privet.policy.scalars import (
    AgeText,
    Country,
    DateText,
    FieldName,
    FieldPattern,
    FileName,
    Form,
    HoursText,
    InstantText,
    LastText,
    LeastText,
    Name,
    PeriodText,
    PlaceCode,
    PublicKey,
    PurposeName,
    Reference,
    RuleText,
    Text,
)
from privet.types import Action

Outcome = Literal["allow", "AccessDenied", "ConsentMissing", "Objected"]
Actions = Annotated[list[Action], Field(min_length=1)]
Names = Annotated[list[Name], Field(min_length=1)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Years = Annotated[int, Field(ge=1, le=150)]
Patterns = Annotated[list[FieldPattern], Field(min_length=1)]


class ControllerForm(Form):
    """Who answers for the processing (GDPR Art. 4(7))."""

    name: Text
    """The organisation."""
    contact: Text
    """Where a person reaches it."""
    officer: Text | None = None
    """Where a person reaches the data protection officer."""


class RecipientForm(Form):
    """Who data may be disclosed to (GDPR Art. 4(9))."""

    is_: Literal["processor", "controller", "joint-controller"] = Field(alias="is")
    """Its part; a processor needs a contract (Art. 28(3))."""
    country: Country
    """ISO 3166-1 code of where it sits."""
    contract: Reference | None = None
    """Reference of the contract."""
    safeguard: Text | None = None
    """What protects the data where it sits, such as standard contractual clauses (Art. 46)."""
    receives: Annotated[list[FieldName], Field(min_length=1)]
    """The fields it may be sent."""


class AssessmentForm(Form):
    """A written weighing."""

    is_: Literal["compatibility", "legitimate-interest"] = Field(alias="is")
    """Art. 6(4) or Art. 6(1)(f)."""
    text: Text
    """Its conclusion in a sentence or two."""


class ContractBasis(Form):
    """Performance of a contract (GDPR Art. 6(1)(b))."""

    contract: Reference
    """Which contract."""


class InterestBasis(Form):
    """A legitimate interest (GDPR Art. 6(1)(f))."""

    legitimate_interest: Reference = Field(alias="legitimate-interest")
    """The assessment that weighs it."""


class ObligationBasis(Form):
    """A legal obligation (GDPR Art. 6(1)(c))."""

    legal_obligation: Text = Field(alias="legal-obligation")
    """The law."""


class VitalBasis(Form):
    """Vital interests (GDPR Art. 6(1)(d)): of a purpose that serves emergencies alone."""

    vital_interests: Text = Field(alias="vital-interests")
    """What is protected."""


class OptOutBasis(Form):
    """What stands until the person opts out, where a law of her place lets it."""

    opt_out: Text = Field(alias="opt-out")
    """The law, such as Cal. Civ. Code 1798.120."""
    where: Annotated[list[PlaceCode], Field(min_length=1)]
    """Where it does, as ISO 3166 codes; nowhere else, nor where the place is not known."""


class LawForm(Form):
    """A ground of GDPR Art. 9(2) that rests on a law."""

    ground: Literal["employment", "public-interest", "health-care", "public-health", "research"]
    """Art. 9(2)(b), (g), (h), (i) or (j)."""
    law: Text
    """The law of the Union or of a Member State that allows it."""


class ReuseForm(Form):
    """Data collected for another purpose, read here (GDPR Art. 6(4))."""

    assessment: Reference
    """The assessment that allows it."""


class HoldForm(Form):
    """What a law keeps past an erasure (GDPR Art. 17(3)(b))."""

    fields: Patterns
    """The fields held."""
    period: PeriodText | None = Field(default=None, alias="for")
    """How long, from the event's time; left out, only in the places that say so."""
    law: Text | None = None
    """The obligation in words."""


class PlaceHoldForm(Form):
    """How long the law of one place keeps what its purpose holds."""

    period: PeriodText = Field(alias="for")
    """How long, from the event's time."""
    law: Text
    """The obligation in words."""


class ModelsForm(Form):
    """Rules for models trained for a purpose."""

    deadline: PeriodText = "24h"
    """How long a model may serve after someone left who is still in it."""
    co_count_floor: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Co-counts of fewer people are not kept."""
    least: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    """Fewest people a model may be trained on."""


class PlaceForm(Form):
    """What is stricter for people whom the law of one place protects, and what it holds."""

    retention: PeriodText | None = None
    """A shorter time for which data may be used."""
    renew: PeriodText | None = None
    """A shorter time after which a consent lapses."""
    hold: PlaceHoldForm | None = None
    """How long its law keeps the held fields, instead of what holds elsewhere."""


class PurposeForm(Form):
    """One purpose."""

    parent: Name | None = None
    """The purpose that it is a part of; a ground or a permit for that is none for this."""
    text: Text | None = None
    """What a person is told, in plain words (Art. 12(1)); left out, her parent's words."""
    basis: (
        Literal["consent"]
        | ContractBasis
        | InterestBasis
        | ObligationBasis
        | VitalBasis
        | OptOutBasis
    )
    """On what it rests (Art. 6(1))."""
    retention: PeriodText | None = None
    """How long after an event its data may be used (Art. 5(1)(e)); left out, as the parent's."""
    renew: PeriodText | None = None
    """After how long a consent lapses unless given again."""
    reuses: dict[Name, ReuseForm] = Field(default={})
    """Purposes whose data this one may read."""
    special: dict[Name, Literal["explicit-consent"] | LawForm] = Field(default={})
    """Special `reveals` that this purpose may use, each with its ground (Art. 9(2))."""
    builds_on: list[Name] = Field(default=[])
    """Purposes whose ground must hold as well."""
    hold: HoldForm | None = None
    """What a law keeps of its data."""
    direct_marketing: bool = False
    """Whether an objection is absolute (Art. 21(2)-(3))."""
    automated_decision: Literal["significant"] | None = None
    """Whether something is decided that matters to people as a law does (Art. 22(1))."""
    human_step: Text | None = None
    """Who decides in the end, or looks at it again (Art. 22(3))."""
    jurisdictions: dict[PlaceCode, PlaceForm] = Field(default={})
    """What is stricter in places: ISO 3166 codes, `EU` or `EEA`."""
    recipients: list[Name] = Field(default=[])
    """Who may receive data for it."""
    models: ModelsForm | None = None
    """Rules for its models."""


class RoleForm(Form):
    """One role."""

    inherits: list[Name] = Field(default=[])
    """Roles whose permits it has too."""


class MinimizeForm(Form, extra="allow"):
    """What happens before release; further keys are fields with `band(n)` or `round(n)`."""

    __pydantic_extra__: dict[str, RuleText]

    drop: list[FieldPattern] = Field(default=[])
    """Fields that are asked for in vain."""
    last: LastText | None = None
    """Only a person's newest events."""
    time: Literal["hour", "day", "week", "month"] | None = None
    """Instants cut to the start of this unit."""
    least: LeastText | None = None
    """Fewest people a release may be about."""


class WhenForm(Form):
    """A condition: all parts of it hold, or the rule does not grant, or denies nothing.

    What cannot be told never allows: a permit does not grant, a deny denies.
    """

    jurisdiction: Annotated[list[PlaceCode], Field(min_length=1)] | None = None
    """Whose law protects the person: ISO 3166 codes, `EU` or `EEA`."""
    age_from: Years | None = None
    """The person is at least so old, in years."""
    age_under: Years | None = None
    """The person is younger, in years."""
    hours: HoursText | None = None
    """The time of day, in the deployment's zone; may pass midnight."""
    days: Annotated[list[Day], Field(min_length=1)] | None = None
    """Days of the week; past midnight, of the day on which the hours began."""
    from_: DateText | None = Field(default=None, alias="from")
    """The first day."""
    until: DateText | None = None
    """The last day."""
    people_from: LeastText | None = None
    """The request is about at least so many."""
    people_under: LeastText | None = None
    """The request is about fewer."""
    data_from: PeriodText | None = None
    """The request reaches back at least so far."""
    data_under: PeriodText | None = None
    """The request reaches back less far."""
    environment: Annotated[dict[Name, Names], Field(min_length=1)] | None = None
    """Attributes that the application tells, each with the values for which it holds."""


class BreakGlassForm(Form):
    """For an emergency: it grants only while two people have opened it."""

    minutes: Annotated[int, Field(ge=1, le=480)]
    """How long it stays open, and how long it waits for the second person."""
    second: Names
    """Roles of whom another person must confirm it; kept apart from the permit's role."""


class PermitForm(Form):
    """One role may do these actions with these fields for one purpose."""

    id: Name
    """Its name in records."""
    role: Name
    """Who."""
    purpose: PurposeName = Field(alias="for")
    """Why."""
    may: Actions
    """What."""
    fields: Patterns | None = None
    """With which fields."""
    minimize: MinimizeForm | None = None
    """What happens to values before release."""
    children: bool = False
    """Whether it is for the purposes under this one as well."""
    to: Names | None = None
    """To whom, for an export."""
    when: WhenForm | None = None
    """On which condition."""
    break_glass: BreakGlassForm | None = None
    """Whether it is for an emergency, and who opens it."""


class DenyForm(Form):
    """What is refused whatever permits say; what is left out means any."""

    id: Name
    """Its name in records."""
    text: Text
    """Why, in words."""
    roles: Names | None = None
    """Whom it binds."""
    purposes: Names | None = Field(default=None, alias="for")
    """For which of the policy's own purposes."""
    kinds: PurposeKinds | None = None
    """For its own purposes that are of all these kinds, whatever they are called."""
    may_not: Actions | None = None
    """Which actions."""
    fields: Patterns | None = None
    """Which fields."""
    categories: FieldKinds | None = None
    """Which fields by their category, whatever they are called."""
    when: WhenForm | None = None
    """On which condition."""


class GivenForm(Form):
    """The person of a test."""

    contract: list[Name] = Field(default=[])
    """Purposes whose contract runs."""
    agreed: list[Name] = Field(default=[])
    """Purposes agreed to."""
    withdrawn: list[Name] = Field(default=[])
    """Purposes agreed to and withdrawn since."""
    objected: list[Name] = Field(default=[])
    """Purposes objected to (Art. 21)."""
    opted_out: list[Name] = Field(default=[])
    """Purposes opted out of (Cal. Civ. Code 1798.120, 1798.121)."""
    restricted: bool = False
    """Whether processing is restricted (Art. 18)."""
    jurisdiction: PlaceCode | None = None
    """Whose law protects the person; left out, that is not known."""
    age: Annotated[int, Field(ge=0, le=150)] | AgeText | None = None
    """Her age in years, as a number or a band; left out, it is not known."""
    at: InstantText | None = None
    """The moment."""
    people: LeastText | None = None
    """How many people the request is about."""
    data_age: PeriodText | None = None
    """How old the oldest row asked for is."""
    environment: dict[Name, Name] = Field(default={})
    """What the application tells of attributes."""
    emergency: list[Name] = Field(default=[])
    """Emergency permits that are open."""


class TrialForm(Form):
    """A test that the policy carries."""

    name: Text
    """What it shows."""
    given: GivenForm = GivenForm()
    """The person."""
    as_: Name = Field(alias="as")
    """Who asks."""
    purpose: PurposeName = Field(alias="for")
    """Why."""
    may: Action
    """What."""
    fields: list[FieldPattern] = Field(default=[])
    """With which fields."""
    to: Name | None = None
    """To whom, for an export."""
    then: Outcome
    """What must come out."""


class ApprovalsForm(Form):
    """Whose signatures another policy needs before it takes the place of this one."""

    needed: Annotated[int, Field(ge=1, le=16)]
    """How many different people."""
    by: Annotated[dict[Name, Annotated[list[PublicKey], Field(min_length=1)]], Field(min_length=1)]
    """Each person with her public keys; she counts once, whichever of them she uses."""


class SuppressionForm(Form):
    """The mark that keeps out who was erased, when her id comes again."""

    period: PeriodText = Field(alias="for")
    """How long it is kept."""
    ground: Text
    """Why, in words with the article."""


class AfterErasureForm(Form):
    """What is left of the ledger once a person is erased (GDPR Art. 17(3))."""

    records: Text | None = None
    """On which ground the log's records stay, whose number leads to nobody any more."""
    kept: PeriodText | None = None
    """How long the log keeps its records; without it none is ever dropped from it."""
    suppression: SuppressionForm | None = None
    """How long who was erased is kept out, and why."""


Group = Annotated[list[Name], Field(min_length=2)]


class DutyForm(Form):
    """Roles that one person may hold, and of which she may not use two."""

    roles: Group
    """The roles."""
    within: Literal["session", "subject", "version"] | PeriodText
    """Not at a time; not for the same person; nor version of a model; not within so long."""


Apart = Annotated[
    Annotated[Group, Tag("group")] | Annotated[DutyForm, Tag("duty")],
    Discriminator(lambda value: "duty" if isinstance(value, dict | DutyForm) else "group"),
]


class PolicyForm(Form):
    """Who may use what the shop knows, for what, on which ground."""

    privet: Literal["policy/1"]
    """The version of this form."""
    name: Name
    """The policy's name."""
    data: FileName
    """The data document, a file beside this one."""
    imports: list[Import] = Field(default=[])
    """Packs whose rules hold here too, each pinned: `pack:NAME@sha256:HASH`."""
    overrides: list[Reference] = Field(default=[])
    """Names of what is imported, such as purposes and permits, that this policy defines anew."""
    protects: list[PlaceCode] = Field(default=[])
    """Of a law pack: whom its denies protect, as ISO 3166 codes, `EU` or `EEA`."""
    end: Literal["marked"] | None = None
    """Say so where the last line is `...`: a document that was cut short is then refused."""
    approvals: ApprovalsForm | None = None
    """Who must approve of the policy that follows this one."""
    running: Literal["stop", "finish"] = "stop"
    """What becomes of bulk jobs that run under another policy when this one is activated."""
    changed_file: Literal["record", "refuse"] = "record"
    """What becomes of a process whose document was changed after it was read."""
    controller: ControllerForm
    """Who answers for it all."""
    recipients: dict[Name, RecipientForm] = Field(default={})
    """Who data may be disclosed to."""
    assessments: dict[Reference, AssessmentForm] = Field(default={})
    """The weighings that purposes refer to."""
    purposes: dict[Name, PurposeForm] = Field(default={})
    """Why data is used."""
    after_erasure: AfterErasureForm | None = None
    """What is left of the ledger once a person is erased, why and for how long."""
    never: list[Name] = Field(default=[])
    """Names of `items.reveals` that no purpose learns from or shows."""
    roles: dict[Name, RoleForm] = Field(default={})
    """Who there is."""
    separate: list[Apart] = Field(default=[])
    """Roles of which nobody holds two, by inheritance either; or uses two `within` something."""
    permits: list[PermitForm] = Field(default=[])
    """What is allowed; all else is not."""
    denies: list[DenyForm] = Field(default=[])
    """What is refused whatever permits say."""
    requires: list[RequirementForm] = Field(default=[])
    """What purposes must fulfil, here and in every policy that imports this one."""
    tests: list[TrialForm] = Field(default=[])
    """Tests that must pass."""

    @property
    def apart(self) -> list[tuple[int, list[str]]]:
        """Position and roles of each group of which nobody holds two."""
        return [(i, g) for i, g in enumerate(self.separate) if not isinstance(g, DutyForm)]

    @property
    def duties(self) -> list[tuple[int, DutyForm]]:
        """Position and form of each group of which nobody uses two within something."""
        return [(i, g) for i, g in enumerate(self.separate) if isinstance(g, DutyForm)]
