"""Who asks, and why: the only doors to personal data.

A ``Principal`` is someone the host vouches for; with a purpose she becomes an
``Access``, the only place where personal data is read and written. Her desks are in
``privet.desks`` and ``privet.auditdesk``; the person herself, who sees only herself, is in
``privet.subject``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from privet.auditdesk import AuditDesk
from privet.clock import micros
from privet.desks import AdminDesk, ConsentDesk, EmergencyDesk, RightsDesk
from privet.errors import AccessDenied, InvalidInput
from privet.features import cohort
from privet.gate import artifact, emergencies
from privet.gate.parts import Caller, Parts
from privet.gate.versions import Version
from privet.ingest import LoadReport, Receipt, describe, load, record
from privet.keydesk import KeyDesk
from privet.recommend import evaluating, modelcard, studies, training
from privet.recommend.base import Recommender
from privet.recommend.curves import smallest_window
from privet.recommend.general import similar
from privet.recommend.modelcard import ModelCard
from privet.recommend.picks import Picks
from privet.recommend.request import Request
from privet.recommend.risk import Risk
from privet.recommend.serving import recommend
from privet.rights import access as disclosure
from privet.rights import answering
from privet.segments import Segments
from privet.types import Id, check_list, check_subject, check_text, check_type

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pandas as pd
    from sqlalchemy.orm import Session

A_VERSION = "Give what `train` or `list` returned."
A_METHOD = "Give one of privet.recommend, made."


class Principal:
    """Someone who acts, with roles: made once per process by ``Deployment.principal``."""

    def __init__(
        self,
        parts: Parts,
        name: str,
        roles: Iterable[str],
        environment: Mapping[str, str | Callable[[], str]] | None = None,
    ) -> None:
        check_text(name, "a principal's name")
        told = dict(environment or {})
        self._parts = parts
        self._caller = Caller(
            parts.pseudonym(name), parts.policy.check_roles(roles), environment=told
        )

    def purpose(self, name: str) -> Access:
        """This principal acting for one purpose.

        Raises:
            AccessDenied: the purpose is unknown, or no permit of these roles names it.
        """
        self._parts.policy.check_purpose(name)
        permits = self._parts.policy.permits.values()
        if not any(p.purpose == name and p.role in self._caller.roles for p in permits):
            raise AccessDenied(
                f"these roles may do nothing for {name!r}",
                why="no permit names one of them with this purpose",
                reason="purpose.not-permitted",
            )
        return Access(self._parts, self._caller, name)

    @property
    def consent(self) -> ConsentDesk:
        """Grounds, on behalf of subjects; purpose ``privet:consent``."""
        return ConsentDesk(self._parts, self._caller)

    @property
    def rights(self) -> RightsDesk:
        """Requests of subjects; purpose ``privet:rights``."""
        return RightsDesk(self._parts, self._caller)

    @property
    def audit(self) -> AuditDesk:
        """The log; purpose ``privet:accountability``."""
        return AuditDesk(self._parts, self._caller)

    @property
    def admin(self) -> AdminDesk:
        """The catalogue and the policy; purpose ``privet:administration``."""
        return AdminDesk(self._parts, self._caller)

    @property
    def keys(self) -> KeyDesk:
        """The keys and their epochs; purpose ``privet:administration``."""
        return KeyDesk(self._parts, self._caller)

    def acting(self, *roles: str) -> Principal:
        """Herself with fewer roles active: of those that nobody uses together, one at a time.

        Args:
            *roles: some of hers, or of what they inherit.

        Raises:
            AccessDenied: she does not hold one of them (``role.unheld``).
        """
        closure = self._parts.policy.check_roles(roles)
        if not closure <= self._caller.roles:
            raise AccessDenied(
                "a role that she does not hold cannot be active",
                why="it is none of hers, nor of what they inherit",
                reason="role.unheld",
            )
        return self._as(replace(self._caller, roles=closure))

    def _as(self, caller: Caller) -> Principal:
        made = object.__new__(type(self))
        made._parts, made._caller = self._parts, caller
        return made

    @property
    def emergencies(self) -> EmergencyDesk:
        """Permits for an emergency: asked for, confirmed, ended."""
        return EmergencyDesk(self._parts, self._caller)

    def break_glass(self, number: int) -> Principal:
        """Herself under an emergency that she asked for and somebody else confirmed.

        Every record of what she does with it names the emergency; it grants what its permit
        lists until it ends.

        Args:
            number: the emergency's.

        Raises:
            AccessDenied: it is not hers, or not open (``emergency.closed``); recorded.
        """
        emergencies.under(self._parts, self._caller, number)
        return self._as(replace(self._caller, emergency=number))

    def __repr__(self) -> str:
        return f"Principal(roles={sorted(self._caller.roles)})"


class Access:
    """A principal with a purpose."""

    def __init__(self, parts: Parts, caller: Caller, purpose: str) -> None:
        self._parts = parts
        self._caller = caller
        self._purpose = purpose

    def record(
        self, subject: Id, event: str, *, at: datetime | None = None, **fields: object
    ) -> Receipt:
        """Seal one event; the same event again changes nothing.

        Args:
            subject: the app's own id of the person.
            event: an event of the data document.
            at: when it happened, aware; now when left out.
            **fields: the event's fields.

        Raises:
            AccessDenied: no permit to collect these fields for this purpose.
            ConsentMissing: the person has no ground for it.
            InvalidInput: unknown event or field, or a value of another type.
        """
        return record(self._parts, self._caller, self._purpose, subject, event, at, fields)

    def describe(self, subject: Id, **profile: object) -> Receipt:
        """Seal or correct fields of a profile; fields not named stay as they are.

        Raises:
            AccessDenied, ConsentMissing, InvalidInput: as ``record``.
        """
        return describe(self._parts, self._caller, self._purpose, subject, profile)

    def load(
        self,
        event: str,
        frame: pd.DataFrame,
        *,
        columns: Mapping[str, str],
        progress: Callable[[int], None] | None = None,
    ) -> LoadReport:
        """Seal the rows of a frame; see ``privet.ingest.load``."""
        return load(self._parts, self._caller, self._purpose, event, frame, columns, progress)

    def profile(self, subject: Id, *fields: str) -> Mapping[str, object]:
        """Named fields of one profile, minimized as the policy says.

        Args:
            subject: the app's own id of the person.
            *fields: bare names, such as ``"age"``.

        Raises:
            AccessDenied: no permit to read these fields for this purpose.
            ConsentMissing: no ground covers the purpose.
            UnknownSubject: nobody is known under this id.
        """
        sno, wanted = self._wanted(subject, "profile", fields)
        return disclosure.profile(self._parts, self._caller, self._purpose, sno, wanted)

    def events(self, subject: Id, event: str, *fields: str) -> list[dict[str, Any]]:
        """What happened with one person, oldest first, minimized as the policy says.

        For what the purpose itself shows her: her orders, where she stopped a film.

        Args:
            subject: the app's own id of the person.
            event: an event of the data document, such as ``"watch"``.
            *fields: bare names, such as ``"item"``.

        Returns:
            One dictionary per row within the retention: ``at`` (RFC 3339) and the fields
            that it has; decimals as text, seconds as floats.

        Raises:
            AccessDenied: no permit to read these fields for this purpose.
            ConsentMissing: no ground covers the purpose.
            UnknownSubject: nobody is known under this id.
        """
        sno, wanted = self._wanted(subject, event, fields)
        return disclosure.events(self._parts, self._caller, self._purpose, sno, event, wanted)

    def _wanted(self, subject: Id, event: str, fields: tuple[str, ...]) -> tuple[int, list[str]]:
        """Whom to read, and which fields, by their whole names."""
        if not fields:
            raise InvalidInput(
                "no field was named",
                remedy="Name the fields that are needed.",
                reason="field.unknown",
            )
        wanted = [f"{event}.{name}" for name in fields]
        sno = answering.known(self._parts, self._caller, subject, self._purpose, "read", wanted)
        return sno, wanted

    def features(
        self,
        names: Sequence[str],
        *,
        subjects: Sequence[Id] | None = None,
        at: datetime | None = None,
    ) -> pd.DataFrame:
        """Feature columns of those who have a ground, one row each.

        Args:
            names: features; see ``docs/guide/features.md``.
            subjects: ids; the index of the result. None for everybody eligible, under
                opaque ordinals that mean nothing outside of this call.
            at: the instant that they hold for; now when left out.

        Raises:
            AccessDenied: no permit to derive from the fields that these features need.
        """
        then = None if at is None else micros(at)
        return cohort.features(self._parts, self._caller, self._purpose, names, subjects, then)

    def recommend(
        self,
        subject: Id,
        k: int = 10,
        *,
        model: str | None = None,
        among: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        stock: Collection[str] | None = None,
        age: int | None = None,
        unseen: bool = False,
        diversity: float = 0,
        at: datetime | None = None,
    ) -> Picks:
        """The best ``k`` entries for one person; never raises for a missing ground.

        Args:
            subject: the app's own id of the person.
            k: how many, 1 to 1000.
            model: a model's name; the purpose's last served one when left out.
            among: only these entries.
            exclude: none of these entries.
            stock: ids of the items that can be had: entries without one are left out.
            age: her age in years, as far as the app knows it. Entries with a minimum age
                are left out unless it is reached.
            unseen: leave out what she had already.
            diversity: 0 for the best entries, towards 1 for entries ever less alike.
            at: as of this instant.

        Returns:
            Picks: non-personal, and saying why, where she has no ground.

        Raises:
            AccessDenied: no permit to recommend for this purpose.
            InvalidInput: an argument is of another type or out of range.
        """
        who = check_subject(subject)
        asked = _request(k, model, among, exclude, stock, age, unseen, diversity, at)
        return recommend(self._parts, self._caller, self._purpose, [who], asked)[who]

    def recommend_many(
        self,
        subjects: Sequence[Id],
        k: int = 10,
        *,
        model: str | None = None,
        among: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        stock: Collection[str] | None = None,
        age: int | None = None,
        unseen: bool = False,
        diversity: float = 0,
        at: datetime | None = None,
    ) -> dict[Id, Picks]:
        """The same for many people at once, under one audit record."""
        ids = [check_subject(subject) for subject in check_list(subjects, "subjects")]
        asked = _request(k, model, among, exclude, stock, age, unseen, diversity, at)
        return recommend(self._parts, self._caller, self._purpose, list(dict.fromkeys(ids)), asked)

    def similar(
        self,
        item: str,
        k: int = 10,
        *,
        model: str | None = None,
        among: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        stock: Collection[str] | None = None,
        age: int | None = None,
        diversity: float = 0,
    ) -> Picks:
        """What goes with an item, for a page about it: not personal, and says so.

        By a serving model that may say so of its entries (pairs that enough people share),
        else by the catalogue's text. Nobody's data is opened.

        Args:
            item: an item's id, or an entry that the model ranks.
            k: how many, 1 to 1000.
            model: a model's name; any that can tell, the last served first, when left out.
            among: only these entries.
            exclude: none of these entries.
            stock: as in ``recommend``.
            age: as in ``recommend``, of who looks at the page.
            diversity: as in ``recommend``.

        Raises:
            AccessDenied: no permit to recommend for this purpose, or the policy hides the item
                (``item.hidden``) or asks for an age that is not known (``item.age``).
            InvalidInput: no such item (``item.unknown``), or an argument is wrong.
        """
        check_type(item, str, "an item", "Give an item's id, or an entry of the model.")
        asked = _request(k, model, among, exclude, stock, age, False, diversity, None)
        return similar(self._parts, self._caller, self._purpose, item, asked)

    def sealing(self, session: Session) -> AbstractContextManager[None]:
        """Seal what is assigned to ``privet.Sealed`` columns of the app's own tables.

        Inside the block a flush decides and records once for all people whose values it
        writes, and writes ciphertexts; where one of them has no ground it writes nothing.

        Args:
            session: a session of SQLAlchemy or SQLModel, on the app's own engine.

        Raises:
            AccessDenied: no permit to collect these fields for this purpose (at the flush).
            ConsentMissing: somebody has no ground for it (at the flush).
        """
        from privet.columns import sealing

        return sealing(self._parts, self._caller, self._purpose, session)

    def opening(self, session: Session) -> AbstractContextManager[None]:
        """Let ``value`` of sealed columns open what the session holds, inside the block.

        The first value asked for opens all of its column that the session holds, under one
        decision and one record for all of their people. After the block nothing is open.

        Args:
            session: the session that the objects were loaded by.
        """
        from privet.columns import opening

        return opening(self._parts, self._caller, self._purpose, session)

    @property
    def segments(self) -> Segments:
        """The purpose's segments, and those that it builds on; see ``privet.segments``."""
        return Segments(self._parts, self._caller, self._purpose)

    @property
    def models(self) -> Models:
        """The purpose's models: train → evaluate → serve, each by its own permit."""
        return Models(self._parts, self._caller, self._purpose)

    def __repr__(self) -> str:
        return f"Access(purpose={self._purpose!r}, roles={sorted(self._caller.roles)})"


def _request(
    k: int,
    model: str | None,
    among: Sequence[str] | None,
    exclude: Sequence[str],
    stock: Collection[str] | None,
    age: int | None,
    unseen: bool,
    diversity: float,
    at: datetime | None,
) -> Request:
    if model is not None:
        check_type(model, str, "a model", "Name a model, or leave it out.")
    check_type(unseen, bool, "unseen", "Give True or False.")
    return Request(
        k=k,
        model=model,
        among=None if among is None else tuple(check_list(among, "entries", "among.type")),
        exclude=tuple(check_list(exclude, "entries", "exclude.type")),
        stock=None if stock is None else check_list(stock, "items in stock", "stock.type"),
        age=age,
        unseen=unseen,
        diversity=diversity,
        until=None if at is None else micros(at),
    )


class Models:
    """Models of one purpose."""

    def __init__(self, parts: Parts, caller: Caller, purpose: str) -> None:
        self._parts = parts
        self._caller = caller
        self._purpose = purpose

    def train(self, name: str, spec: Recommender, *, until: datetime | None = None) -> Version:
        """Train on everybody who has a ground now; see ``privet.recommend.training.train``."""
        check_text(name, "a model's name", 64)
        check_type(spec, Recommender, "the method", A_METHOD)
        cut = None if until is None else micros(until)
        return training.train(self._parts, self._caller, self._purpose, name, spec, cut)

    def evaluate(
        self, version: Version, *, cut: datetime, k: int = 10, baselines: bool = True
    ) -> evaluating.Evaluation:
        """Compare a version's lists as of ``cut`` with what people really had after it.

        Args:
            version: what ``train`` or ``list`` returned.
            cut: lists see nothing after this instant.
            k: length of a list, 1 to 100.
            baselines: measure popularity and personal frequency beside it, on the same rows.

        Raises:
            InvalidInput: the version has seen events after the cut.
        """
        check_type(version, Version, "the version", A_VERSION)
        check_type(baselines, bool, "baselines", "Give True or False.")
        cut_us = micros(cut)
        return evaluating.evaluate(
            self._parts, self._caller, self._purpose, version, cut_us, k, baselines=baselines
        )

    def serve(self, version: Version) -> None:
        """Put a version live: every worker serves it from its next read on."""
        check_type(version, Version, "the version", A_VERSION)
        training.serve(self._parts, self._caller, self._purpose, version)

    def card(self, version: Version) -> ModelCard:
        """What a version is, how good and how risky: for a reviewer, as JSON data and HTML.

        Raises:
            AccessDenied: no permit to evaluate for this purpose.
        """
        check_type(version, Version, "the version", A_VERSION)
        return modelcard.card(self._parts, self._caller, self._purpose, version)

    def risk(self, version: Version, *, cut: datetime) -> tuple[Risk, ...]:
        """Attack a version's method by membership inference; kept for its card.

        Raises:
            AccessDenied: no permit to train and evaluate for this purpose.
            InvalidInput: the version has seen events after the cut.
        """
        check_type(version, Version, "the version", A_VERSION)
        at = micros(cut)
        return studies.risk(self._parts, self._caller, self._purpose, version, at)

    def frontier(
        self,
        spec: Recommender,
        *,
        floors: Sequence[int],
        cut: datetime,
        regularizations: Sequence[float] | None = None,
        people: int | None = None,
    ) -> tuple[studies.Tradeoff, ...]:
        """Quality and risk of a method at each release floor; nothing is kept.

        Args:
            spec: the method.
            floors: the least numbers of people behind a pair.
            cut: nothing after it is learned from.
            regularizations: each with every floor; the method's own when left out.
            people: measure and attack on so many, drawn at random; None for all.

        Raises:
            AccessDenied: no permit to train and evaluate for this purpose.
            InvalidInput: the method has no floor, or no regularization.
        """
        check_type(spec, Recommender, "the method", A_METHOD)
        numbers = check_list(floors, "the floors")
        strengths = (
            None if regularizations is None else check_list(regularizations, "the regularizations")
        )
        at = micros(cut)
        return studies.frontier(
            self._parts, self._caller, self._purpose, spec, numbers, at, strengths, people
        )

    def curve(
        self,
        kind: studies.Curve,
        spec: Recommender,
        *,
        cut: datetime,
        at: Sequence[float] | None = None,
    ) -> pd.DataFrame:
        """Quality by the share of people who agree, or by the days of history kept.

        Args:
            kind: ``"consent"`` or ``"history"``.
            spec: the method.
            cut: nothing after it is learned from.
            at: the shares (0 to 1), or the days; the usual ones when left out.

        Returns:
            one row per point and task: ``at``, ``task``, ``people``, ``ndcg``, ``low``,
            ``high``, ``worst_decile``. For ``"history"``, ``attrs["smallest_window"]`` holds
            the fewest days within a loss of one in a hundred, or None.

        Raises:
            AccessDenied: no permit to train and evaluate for this purpose.
        """
        import pandas as pd

        check_type(spec, Recommender, "the method", A_METHOD)
        where = None if at is None else check_list(at, "the points of the curve")
        then = micros(cut)
        points = studies.curve(self._parts, self._caller, self._purpose, spec, kind, then, where)
        frame = pd.DataFrame([asdict(point) for point in points], columns=studies.COLUMNS)
        if kind == "history":
            frame.attrs["smallest_window"] = smallest_window(points)
        return frame

    def list(self) -> list[Version]:
        """All versions of this purpose's models, oldest first.

        Raises:
            AccessDenied: these roles may neither train, evaluate nor serve for the purpose:
                sizes and reports change with each person who leaves.
        """
        training.check_works(self._parts, self._caller, self._purpose)
        return artifact.versions(self._parts, self._purpose)
