"""Why data may be used, compiled: purposes with their grounds, holds and model rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privet.policy.period import Period
from privet.policy.places import place, within

Basis = Literal[
    "consent",
    "contract",
    "legitimate-interest",
    "legal-obligation",
    "vital-interests",
    "opt-out",
]
_A_DAY = Period(hours=24)
_TEN_YEARS = Period(months=120)
SOME_DAY = 951_782_400_000_000  # 2000-02-29, from which periods are compared


@dataclass(frozen=True, slots=True)
class Controller:
    """Who answers for the processing (GDPR Art. 4(7), 13(1)(a)-(b)).

    Attributes:
        name: the organisation.
        contact: where a person reaches it.
        officer: where a person reaches the data protection officer, if there is one.
    """

    name: str
    contact: str
    officer: str | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who data may be disclosed to (GDPR Art. 4(9), 28, 30(1)(d)).

    Attributes:
        name: its name in the policy.
        role: ``"processor"``, ``"controller"`` or ``"joint-controller"``.
        country: ISO 3166-1 code of where it sits.
        contract: reference of the contract; a processor has one (Art. 28(3)).
        receives: full names of the fields it may be sent.
        safeguard: what protects the data where it sits (Art. 46); empty where nothing is named.
    """

    name: str
    role: str
    country: str
    contract: str | None
    receives: frozenset[str]
    safeguard: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """A written weighing that a reader can find.

    Attributes:
        kind: ``"compatibility"`` (GDPR Art. 6(4)) or ``"legitimate-interest"`` (Art. 6(1)(f)).
        text: its conclusion in a sentence or two.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Fields that a law keeps past an erasure (GDPR Art. 17(3)(b)).

    Attributes:
        fields: full names of the held fields.
        period: how long from the event's time; none at all where only places hold something.
        law: the obligation in words, as a certificate will name it.
    """

    fields: frozenset[str]
    period: Period
    law: str


@dataclass(frozen=True, slots=True)
class AfterErasure:
    """What is left of the ledger once a person is erased (GDPR Art. 17(3)).

    Attributes:
        records: why the log's records stay as long as the log, without a link to her.
        suppression: why a keyed mark of her ids stays.
        period: how long it does.
        kept: how long the log keeps its records; None for as long as there is a log.
    """

    records: str = "accountability and the defence of claims (GDPR Art. 5(2), 7(1), 17(3)(e))"
    suppression: str = "who was erased is not taken in again unnoticed (GDPR Art. 17(1), 25(1))"
    period: Period = _TEN_YEARS
    kept: Period | None = None


@dataclass(frozen=True, slots=True)
class SpecialGround:
    """Why a purpose may use what reveals a special category (GDPR Art. 9(2)).

    Attributes:
        reveals: the name of what is revealed.
        ground: ``"explicit-consent"`` (a), ``"employment"`` (b), ``"public-interest"`` (g),
            ``"health-care"`` (h), ``"public-health"`` (i) or ``"research"`` (j).
        law: the law it rests on; empty for a consent.
    """

    reveals: str
    ground: str
    law: str


@dataclass(frozen=True, slots=True)
class ModelRules:
    """What a model trained for a purpose must keep to.

    Attributes:
        deadline: how long a model may serve after someone left who is still in it.
        co_count_floor: co-counts of fewer people than this are not kept.
        least: fewest people a model of several people may be trained on.
    """

    deadline: Period = _A_DAY
    co_count_floor: int = 10
    least: int = 20


@dataclass(frozen=True, slots=True)
class PlaceRules:
    """What is stricter for people whom the law of some places protects.

    Attributes:
        places: ISO 3166 codes, groups spelt out.
        retention: a shorter time for which data may be used.
        renew: a shorter time after which a consent lapses.
        held: what its law keeps instead of what holds elsewhere.
    """

    places: frozenset[str]
    retention: Period | None
    renew: Period | None
    held: Hold | None = None


@dataclass(frozen=True, slots=True)
class PurposeSpec:
    """One purpose (GDPR Art. 5(1)(b)) and its legal basis (Art. 6(1)).

    Attributes:
        name: its name.
        text: what a person is told, in plain words (Art. 12(1)).
        basis: on what it rests.
        reference: the contract, the assessment or the law; empty for consent.
        retention: how long after an event its data may be used (Art. 5(1)(e)).
        renew: after how long a consent lapses unless given again; None for never.
        reuses: purposes whose data this one may read, sorted (Art. 6(4)).
        assessments: the assessment of each of ``reuses``, in the same order.
        special: the special categories that it may use, each with its ground, sorted.
        builds_on: purposes whose grounds must hold as well, sorted.
        hold: what a law keeps of this purpose's data where no place says otherwise.
        direct_marketing: whether an objection is absolute (Art. 21(2)-(3)).
        recipients: who may receive data for it, sorted.
        models: rules for models trained for it.
        parent: the purpose that it is a part of.
        human_step: who decides in the end where something significant is decided by a
            machine (Art. 22(3)); empty where nothing is.
        jurisdictions: what is stricter in places, sorted by code.
        where: where it stands until a person opts out, groups spelt out; empty for any
            other basis.
    """

    name: str
    text: str
    basis: Basis
    reference: str
    retention: Period
    renew: Period | None
    reuses: tuple[str, ...]
    assessments: tuple[str, ...]
    special: tuple[SpecialGround, ...]
    builds_on: tuple[str, ...]
    hold: Hold | None
    direct_marketing: bool
    recipients: tuple[str, ...]
    models: ModelRules
    parent: str | None = None
    human_step: str = ""
    jurisdictions: tuple[PlaceRules, ...] = ()
    where: frozenset[str] = frozenset()

    def stands(self, jurisdiction: str | None) -> bool:
        """Whether a purpose of which people opt out stands in a place; never in an unknown one."""
        return within(place(jurisdiction, self.where), self.where) is True

    def renewals(self, jurisdiction: str | None) -> list[Period]:
        """The times after which a consent lapses, of which the first to come holds."""
        here = [rules.renew for rules in self._rules(jurisdiction)]
        return [period for period in (self.renew, *here) if period is not None]

    def retentions(self, jurisdiction: str | None) -> list[Period]:
        """The times for which data may be used, of which the shortest holds."""
        here = [rules.retention for rules in self._rules(jurisdiction)]
        return [period for period in (self.retention, *here) if period is not None]

    def holds(self, jurisdiction: str | None) -> list[Hold]:
        """What laws may keep of a person's data, of which the first to end holds.

        A hold is an exception to her right (GDPR Art. 17(3)(b)): whoever claims it shows
        which law binds him. Of a person whose place is not known that cannot be shown for
        longer than every place keeps it.
        """
        if self.hold is None:
            return []
        rules = [rules for rules in self._rules(jurisdiction) if rules.held is not None]
        where = place(jurisdiction, self._named)
        hers = [r.held for r in rules if r.held and within(where, r.places)]
        return hers or [self.hold, *(r.held for r in rules if r.held)]

    @property
    def laws(self) -> str:
        """The laws that hold something of its data, wherever, in words; empty for none."""
        holds = [self.hold, *(rules.held for rules in self.jurisdictions)]
        return "; ".join(sorted({hold.law for hold in holds if hold is not None and hold.law}))

    @property
    def longest_hold(self) -> Hold | None:
        """The hold of the place that keeps it longest."""
        holds = [h for h in (self.hold, *(r.held for r in self.jurisdictions)) if h is not None]
        return min(holds, key=lambda hold: hold.period.before(SOME_DAY), default=None)

    @property
    def _named(self) -> frozenset[str]:
        return frozenset[str]().union(*(rules.places for rules in self.jurisdictions))

    def _rules(self, jurisdiction: str | None) -> list[PlaceRules]:
        """Rules of the places where a person may be: of all, where that is not known."""
        if not self.jurisdictions:
            return []
        where = place(jurisdiction, self._named)
        return [r for r in self.jurisdictions if within(where, r.places) is not False]

    @property
    def allowed(self) -> frozenset[str]:
        """Names of the special categories that it has a ground for."""
        return frozenset(ground.reveals for ground in self.special)
