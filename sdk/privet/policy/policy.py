"""The compiled policy: what every other room asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from privet.errors import AccessDenied
from privet.policy import layout
from privet.policy.cells import Case, Cell
from privet.policy.decide import Ask, Decision, refuse
from privet.policy.digest import slice_digest
from privet.policy.frozen import Frozen
from privet.policy.index import Index
from privet.policy.purpose import AfterErasure
from privet.policy.when import UNKNOWN, Circumstances
from privet.types import BUILT_IN_PURPOSES, SELF_ROLE, Action, check_list, check_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from privet.policy.imported import Imported
    from privet.policy.knowledge import EventSpec, FieldSpec, ItemSpec, SubjectSpec
    from privet.policy.layout import Atom, DomainSpec
    from privet.policy.life import Life
    from privet.policy.purpose import Assessment, Controller, PurposeSpec, Recipient
    from privet.policy.rules import Deny, Duty, Permit
    from privet.policy.trials import Trial

_ACTIONS = frozenset(get_args(Action))
_CACHED = 4096
_MALFORMED = refuse("ask.malformed")
_BEFORE_FIELDS = frozenset({"role.unknown", "role.separate", "role.together", "action.unknown"})
_KEPT = frozenset({"permit", "deny", "field.refused"})
_OF_OWN_NAMES = frozenset({"purpose.refused", "action.refused", "recipient.refused"})
_NOBODY = ""  # no recipient is called so
_Key = tuple[frozenset[str], str, str, str | None]


@dataclass(frozen=True, eq=False)
class Policy(Frozen):
    """Both documents, checked and compiled. Immutable; two are equal when their hashes are.

    Attributes:
        name: the policy's name.
        hash: SHA-256 over the canonical form of both documents, 64 hex digits. Imports are
            in it by their own hashes.
        documents: the texts it was compiled from, under ``"policy"`` and ``"data"``; those of
            imports under ``"pack:NAME:policy"`` and ``"pack:NAME:data"``.
        timezone: IANA name of the deployment's zone, for time-of-day features.
        controller: who answers for the processing.
        subject: who the data is about.
        recipients: who data may be disclosed to.
        events: event name to its specification, in the document's order.
        fields: full field name to its specification, profile first.
        items: the catalogue and what its items reveal.
        purposes: purpose name to its specification, built-in ones not included.
        assessments: the written weighings that purposes refer to.
        roles: role to itself and all it inherits; ``self`` stands alone.
        separate: groups of roles of which nobody holds two.
        permits: permit id to permit.
        denies: all denies, by id.
        trials: the tests that the policy carries.
        atoms: fields that are sealed together.
        domains: data with one fate and one key.
        own_consent: place to the age from which a consent is a child's own there, in years,
            where a requirement asks for more than the law of that place.
        imports: the packs that it imports, by name.
        protects: of a law pack, the places whose people its denies protect, groups spelt out.
        life: how it gives way to the next one, and who must approve of that.
        duties: groups of roles of which nobody uses two at a time, or within something.
        after_erasure: what is left of the ledger once a person is erased, and why.
        warnings: what was not refused, and yet is likely to be wrong; as faults are told.
    """

    name: str
    hash: str
    documents: Mapping[str, str] = field(repr=False)
    timezone: str
    controller: Controller
    subject: SubjectSpec
    recipients: Mapping[str, Recipient] = field(repr=False)
    events: Mapping[str, EventSpec] = field(repr=False)
    fields: Mapping[str, FieldSpec] = field(repr=False)
    items: ItemSpec = field(repr=False)
    purposes: Mapping[str, PurposeSpec] = field(repr=False)
    assessments: Mapping[str, Assessment] = field(repr=False)
    roles: Mapping[str, frozenset[str]] = field(repr=False)
    separate: tuple[frozenset[str], ...] = field(repr=False)
    permits: Mapping[str, Permit] = field(repr=False)
    denies: tuple[Deny, ...] = field(repr=False)
    trials: tuple[Trial, ...] = field(repr=False)
    atoms: tuple[Atom, ...] = field(repr=False)
    domains: tuple[DomainSpec, ...] = field(repr=False)
    life: Life = field(repr=False)
    warnings: tuple[Mapping[str, str | int], ...] = field(repr=False)
    own_consent: Mapping[str, int] = field(repr=False, default_factory=dict)
    imports: tuple[Imported, ...] = field(repr=False, default=())
    protects: frozenset[str] = field(repr=False, default=frozenset())
    duties: tuple[Duty, ...] = field(repr=False, default=())
    after_erasure: AfterErasure = field(repr=False, default_factory=AfterErasure)
    _index: Index = field(init=False, repr=False)
    _names: frozenset[str] = field(init=False, repr=False)
    _cases: dict[_Key, Cell | Case | Decision] = field(init=False, repr=False, default_factory=dict)
    _decided: dict[Ask, Decision] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the mappings and index the rules."""
        super().__post_init__()
        index = Index(self.permits.values(), self.denies, self.purposes)
        object.__setattr__(self, "_index", index)
        object.__setattr__(self, "_names", frozenset(self.fields))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def check_roles(self, roles: Iterable[str]) -> frozenset[str]:
        """The given roles and all they inherit.

        Raises:
            AccessDenied: none or an unknown one was given (``role.unknown``), ``self``
                was claimed (``role.reserved``), or two of them are kept apart
                (``role.separate``).
        """
        named = check_list(roles, "roles")
        for role in named:
            check_type(role, str, "a role", "Name a role of the policy.")
            if role not in self.roles and role != SELF_ROLE:  # before all of them are compared
                refuse("role.unknown").raise_if_denied()
        given = frozenset(named)
        if SELF_ROLE in given:
            raise AccessDenied(
                "a principal may not claim the role `self`",
                why="it belongs to the subject herself",
                remedy="Open the subject: deployment.subject(id, proof=...).",
                reason="role.reserved",
            )
        closure, reason = self._closure(given)
        if reason:
            refuse(reason).raise_if_denied()
        return closure

    def check_purpose(self, purpose: str) -> None:
        """Accept a purpose of the policy or a built-in one.

        Raises:
            AccessDenied: neither (``purpose.unknown``).
        """
        check_type(purpose, str, "a purpose", "Name a purpose of the policy.")
        if purpose not in self.purposes and purpose not in BUILT_IN_PURPOSES:
            refuse("purpose.unknown").raise_if_denied()

    def decide(self, ask: Ask, given: Circumstances = UNKNOWN) -> Decision:
        """Permit or refuse. Pure and total: whatever is asked, there is an answer.

        Answers that depend on no circumstances are kept in a bounded cache; a policy never
        changes, so none grows old.

        Args:
            ask: the request.
            given: what is known of the person and the moment, for rules with a condition;
                what is left out is not known, and nothing is allowed because of it.
        """
        try:
            known = self._decided.get(ask)
            if known is None:
                known = self._decide(ask, given)
                # Other refusals name texts of any length; only the policy's own names are kept.
                if known.reason in _KEPT and not self.needs(ask):
                    self._remember(ask, known)
        except Exception:
            # Not an Ask of hashable names, or circumstances that no rule can be told by: what
            # cannot be evaluated denies.
            return _MALFORMED
        return known

    def decide_at_all(self, ask: Ask, given: Circumstances = UNKNOWN) -> Decision:
        """Whether it could be allowed for somebody: for work that is about nobody yet.

        Conditions on people (place, age, number, reach) are left out, so whoever goes on
        from here decides each person by ``decide`` before anything of hers is opened.
        """
        decision = self.decide(ask, given)
        case = self._cases.get((ask.roles, ask.purpose, ask.action, ask.to))
        if decision.allowed or not isinstance(case, Case):
            return decision
        return case.for_somebody().cell(given).decide(ask.fields)

    def needs(self, ask: Ask) -> frozenset[str]:
        """What must be known to decide: names of ``Circumstances``' attributes.

        Empty where no rule that bears on the request has a condition, and where it is
        refused whatever the circumstances are.
        """
        case = self._cases.get((ask.roles, ask.purpose, ask.action, ask.to)) or self._case(ask)
        return case.needs if isinstance(case, Case) else frozenset()

    def atoms_of(self, event: str, fields: Iterable[str]) -> tuple[Atom, ...]:
        """The fewest atoms that together hold these fields of one event.

        Args:
            event: an event's name, or ``"profile"``.
            fields: bare or full names.

        Raises:
            AccessDenied: a field that the event does not have (``field.unknown``).
        """
        bare = frozenset(name.removeprefix(f"{event}.") for name in fields)
        if any(f"{event}.{name}" not in self.fields for name in bare):
            refuse("field.unknown").raise_if_denied()
        return layout.cover(self.atoms, event, bare)

    def domain_of(self, purpose: str, event: str, bare: str) -> str:
        """The domain where a value collected for a purpose lives.

        Raises:
            AccessDenied: an unknown purpose or field.
        """
        spec = self._purpose(purpose)
        name = f"{event}.{bare}"
        if name not in self.fields:
            refuse("field.unknown").raise_if_denied()
        held = spec.hold is not None and name in spec.hold.fields
        return purpose + layout.HELD if held else purpose

    def opens_apart(self, purpose: str, action: str) -> bool:
        """Whether what is sealed apart as sensitive may be opened for this.

        The person's rights reach all of it; a purpose needs a ground of GDPR Art. 9(2). One
        that reads nothing but what it collected itself, such as an order's delivery, reads
        all that it collected, and learns nothing from it.
        """
        if purpose in BUILT_IN_PURPOSES:
            return True
        spec = self._purpose(purpose)
        return bool(spec.special) or self.reads_its_own(purpose, action)

    def reads_its_own(self, purpose: str, action: str) -> bool:
        """Whether this only hands on what the purpose itself collected."""
        return action in {"read", "export"} and not self._purpose(purpose).reuses

    def sources(self, purpose: str) -> tuple[str, ...]:
        """The purpose and those whose data it may read, itself first.

        Raises:
            AccessDenied: an unknown or built-in purpose.
        """
        return (purpose, *self._purpose(purpose).reuses)

    def slice_hash(self, purpose: str) -> str:
        """SHA-256 of everything that bears on what this purpose may learn, 64 hex digits.

        Covers the purpose, those it reuses or builds on, its permits and denies, the
        fields they name, the catalogue's rules, `never` and the zone; not other
        purposes, texts of tests or the controller.

        Raises:
            AccessDenied: an unknown or built-in purpose.
        """
        self._purpose(purpose)
        return slice_digest(self, purpose)

    def _purpose(self, name: str) -> PurposeSpec:
        spec = self.purposes.get(name)
        if spec is None:
            raise AccessDenied(
                "no data is kept for this purpose",
                why="it is built in or not in the policy",
                reason="purpose.unknown",
            )
        return spec

    def _closure(self, given: frozenset[str]) -> tuple[frozenset[str], str]:
        if not given or any(role not in self.roles for role in given):
            return frozenset(), "role.unknown"
        closure = frozenset[str]().union(*(self.roles[role] for role in given))
        apart = any(len(group & closure) > 1 for group in self.separate)
        if apart or (SELF_ROLE in closure and len(closure) > 1):
            return frozenset(), "role.separate"
        return closure, ""

    def _remember(self, ask: Ask, decision: Decision) -> None:
        if len(self._decided) >= _CACHED:
            self._decided.clear()
        self._decided[ask] = decision

    def _decide(self, ask: Ask, given: Circumstances = UNKNOWN) -> Decision:
        roles, purpose, action, fields, to = ask
        case = self._cases.get((roles, purpose, action, to)) or self._case(ask)
        if isinstance(case, Cell):  # neither its permits nor its denies have a condition
            return case.decide(fields)
        if isinstance(case, Decision):
            known = not case.purpose or case.reason in _BEFORE_FIELDS or fields <= self._names
            return case if known else refuse("field.unknown", purpose)
        return case.cell(given).decide(fields)

    def _case(self, ask: Ask) -> Cell | Case | Decision:
        roles, purpose, action, _, to = ask
        if to is not None and to not in self.recipients:
            to = _NOBODY
        key = (roles, purpose, action, to)
        made = self._cases.get(key)
        if made is None:
            made = self._compiled(*key)
            # Other refusals name texts of any length; only the policy's own names are kept.
            if not isinstance(made, Decision) or made.reason in _OF_OWN_NAMES:
                if len(self._cases) >= _CACHED:
                    self._cases.clear()
                self._cases[key] = made
        return made

    def _compiled(
        self, given: frozenset[str], purpose: str, action: str, to: str | None
    ) -> Cell | Case | Decision:
        own = self.purposes.get(purpose)
        if own is None and purpose not in BUILT_IN_PURPOSES:
            return refuse("purpose.unknown")
        roles, reason = self._closure(given)
        if not reason and any(len(duty.roles & roles) > 1 for duty in self.duties):
            reason = "role.together"
        if not reason and action not in _ACTIONS:
            reason = "action.unknown"
        if reason:
            return refuse(reason, purpose)
        index = self._index
        permits = index.permits(roles, purpose, action)
        if not permits:
            serves = index.serves(roles, purpose)
            return refuse("action.refused" if serves else "purpose.refused", purpose)
        fitting = [p for p in permits if (to in p.to if p.to else to is None)]
        if not fitting:
            return refuse("recipient.refused", purpose)
        denies = index.denies(roles, purpose, action) if own is not None else ()
        case = Case(purpose, self._grounds(own), self.fields, fitting, denies, self.timezone)
        return case if case.needs else case.cell(UNKNOWN)

    def _grounds(self, purpose: PurposeSpec | None) -> tuple[str, ...]:
        if purpose is None:
            return ()
        found = [purpose.name]
        # Transitive: what builds on a purpose rests on that purpose's own supports too.
        for name in found:
            found += [n for n in self.purposes[name].builds_on if n not in found]
        return tuple(found)
