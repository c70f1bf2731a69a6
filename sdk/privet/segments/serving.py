"""What may be seen of segments: figures of many people, and each person her own segment.

Figures are those that were made when a version was put live (``privet.segments.live``);
showing them opens nothing. A trait is shown to those alone who may derive from the fields
that it rests on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from privet.errors import ModelUnavailable, UnknownSubject
from privet.features.compute import needs
from privet.gate import artifact, forget, membership
from privet.gate.membership import Figures
from privet.gate.parts import Caller, Parts
from privet.gate.record import authorise, decide, deny, explained, may, refuse, too_few
from privet.gate.versions import Version, check_slice, model_entry
from privet.policy import Ask, Decision
from privet.segments.personas import feature_of
from privet.segments.telling import in_column, may_tell, value_of
from privet.types import Id, Warrant, check_subject

if TYPE_CHECKING:
    import pandas as pd

KIND = "segments/"
NO_TRAIT = "like everybody"


def find(parts: Parts, purpose: str, model: str | None) -> tuple[Version, Figures]:
    """The segmentation that serves for a purpose, its own or one that it builds on.

    Raises:
        ModelUnavailable: none serves, or another policy or training came in between.
    """
    spec = parts.policy.purposes[purpose]
    for source in (purpose, *spec.builds_on):
        for version in artifact.serving(parts, source):
            if version.name == (model or version.name) and is_segments(version):
                check_slice(parts, version)
                return version, _figures_of(parts, version)
    raise ModelUnavailable(
        "no segments serve for this purpose",
        why="none was trained and put live, for it or for one that it builds on",
        remedy="Train, evaluate and serve one with `segments`.",
        reason="segments.none",
    )


def is_segments(version: Version) -> bool:
    """Whether a version is one of segments."""
    return str(version.spec["kind"]).startswith(KIND)


def _figures_of(parts: Parts, version: Version) -> Figures:
    figures = membership.figures(parts, version.model)
    if figures.lineage != version.lineage:
        raise ModelUnavailable(
            "the figures of these segments were not made",
            why="putting the version live was cut off",
            remedy="Serve it again.",
            reason="segments.unfinished",
        )
    return figures


def quarantine(parts: Parts, purpose: str) -> None:
    """Refuse while somebody who left still stands in a model past the policy's deadline.

    Raises:
        ModelUnavailable: reason ``model.quarantined``.
    """
    if forget.quarantined(parts, purpose):
        raise ModelUnavailable(
            "these segments are quarantined",
            why="somebody who left has not been taken out of them in time",
            remedy="Run `privet maintain`.",
            reason="model.quarantined",
        )


def show(parts: Parts, caller: Caller, purpose: str, model: str | None = None) -> pd.DataFrame:
    """The segments that are large enough to be shown, one row each.

    Returns:
        columns ``segment``, ``size`` (in whole tens), ``persona`` and ``traits``.

    Raises:
        AccessDenied: no permit to derive for the purpose of the segments.
        ModelUnavailable: none serve.
    """
    import pandas as pd

    version, figures = seen(parts, caller, purpose, model)
    shown = [
        {"segment": name, "size": figure["size"], **_persona(parts, caller, version, figure)}
        for name, figure in sorted(figures.detail["segments"].items())
    ]
    return pd.DataFrame(shown, columns=["segment", "size", "persona", "traits"])


def _persona(
    parts: Parts, caller: Caller, version: Version, figure: Mapping[str, Any]
) -> dict[str, Any]:
    traits = _told(parts, caller, version, figure["traits"])
    return {"persona": "; ".join(traits) or NO_TRAIT, "traits": traits}


def moves(parts: Parts, caller: Caller, purpose: str, model: str | None = None) -> pd.DataFrame:
    """How many went from one segment to another at the last serving, and by longer ways.

    Returns:
        columns ``path`` (segments, oldest first), ``people`` (in whole tens) and ``why``
        (what changed most of those who moved last); ways of fewer people than may be
        released are not there.

    Raises:
        AccessDenied, ModelUnavailable: as ``show``.
    """
    import pandas as pd

    version, figures = seen(parts, caller, purpose, model)
    rows = [
        (tuple(told["path"]), told["people"], _told(parts, caller, version, told["why"]))
        for told in figures.detail["paths"]
    ]
    return pd.DataFrame(rows, columns=["path", "people", "why"])


def drift(parts: Parts, caller: Caller, purpose: str, model: str | None = None) -> pd.DataFrame:
    """How far the features of everybody moved between the last two trainings.

    Returns:
        columns ``feature``, ``moved`` (of the mean, in deviations of the earlier training)
        and ``psi`` (population stability index: above 0.25 much changed).

    Raises:
        AccessDenied, ModelUnavailable: as ``show``.
    """
    import pandas as pd

    version, figures = seen(parts, caller, purpose, model)
    found = [
        (feature_of(name, version.spec["params"]["features"]), name, moved, psi)
        for name, moved, psi in figures.detail["drift"]
    ]
    rows = [
        (name, moved, psi)
        for feature, name, moved, psi in found
        if _may_see(parts, caller, version, feature, in_column(feature, name))
    ]
    return pd.DataFrame(rows, columns=["feature", "moved", "psi"])


def _told(
    parts: Parts, caller: Caller, version: Version, told: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    """What is said of features, as far as this caller may derive from their fields."""
    return tuple(
        text for name, text in told if _may_see(parts, caller, version, name, value_of(name, text))
    )


def _may_see(parts: Parts, caller: Caller, version: Version, feature: str, value: str) -> bool:
    ask = Ask(caller.roles, version.purpose, "derive", needs([feature]))
    return may(parts, caller, ask) and may_tell(parts, version.purpose, feature, value)


def seen(parts: Parts, caller: Caller, purpose: str, model: str | None) -> tuple[Version, Figures]:
    """The serving version and its figures, for somebody who may derive; recorded.

    Raises:
        AccessDenied: no permit to derive for the purpose of the segments.
    """
    spec = parts.policy.purposes[purpose]
    sources = (purpose, *spec.builds_on)
    asks = [Ask(caller.roles, source, "derive", frozenset[str]()) for source in sources]
    if not any(may(parts, caller, ask) for ask in asks):
        decide(parts, caller, purpose, "derive", (), at_all=True)  # refuses, and records it
    version, figures = find(parts, purpose, model)
    decide(parts, caller, version.purpose, "derive", (), at_all=True)  # of people decided before
    quarantine(parts, version.purpose)
    parts.log.append([model_entry(parts, caller, "derive", version)])
    return version, figures


def of(
    parts: Parts, caller: Caller, purpose: str, subject: Id, model: str | None = None
) -> str | None:
    """The segment that one person is placed in; None where she is in none.

    Raises:
        AccessDenied: no permit to derive one person's segment from these fields.
        ConsentMissing: no ground covers the purpose.
        UnknownSubject: nobody is known under this id.
        ModelUnavailable: none serve.
    """
    found = parts.subjects.find([check_subject(subject)])[0]
    version, _ = find(parts, purpose, model)
    about = () if found is None else (found,)
    ask = Ask(caller.roles, version.purpose, "derive", _fields(version))
    decision = decide(parts, caller, ask.purpose, "derive", ask.fields, about=about, at_all=True)
    if found is None:
        raise UnknownSubject("nobody is known under this id")
    if decision.least > 1:
        raise too_few(parts, caller, version.purpose, "derive", decision.least)
    quarantine(parts, version.purpose)
    reason = membership.why_not(parts, decision, found)
    if reason is not None:
        raise refuse(parts, caller, version.purpose, "derive", reason)
    decision, she = membership.allowed(parts, caller, ask, decision, BitMap([found]))
    if not decision.allowed:
        deny(parts, caller, ask, decision, about)
    return _open(parts, caller, decision, version, she).get(found) if she else None


def of_many(
    parts: Parts, caller: Caller, purpose: str, subjects: Sequence[Id], model: str | None = None
) -> dict[Id, str | None]:
    """The segments of several people, by one record; None for who has no ground or segment.

    Raises:
        AccessDenied: no permit to derive one person's segment from these fields.
        ModelUnavailable: none serve.
    """
    ids = [check_subject(subject) for subject in subjects]
    version, _ = find(parts, purpose, model)
    ask = Ask(caller.roles, version.purpose, "derive", _fields(version))
    decision = decide(parts, caller, ask.purpose, "derive", ask.fields, at_all=True)
    if decision.least > 1:
        raise too_few(parts, caller, version.purpose, "derive", decision.least)
    quarantine(parts, version.purpose)
    who = dict(zip(ids, parts.subjects.find(ids), strict=True))
    known = BitMap([sno for sno in who.values() if sno is not None])
    decision, people = membership.allowed(parts, caller, ask, decision, known)
    placed = _open(parts, caller, decision, version, people) if people else {}
    return {i: None if sno is None else placed.get(sno) for i, sno in who.items()}


def _open(
    parts: Parts, caller: Caller, decision: Decision, version: Version, people: BitMap
) -> dict[int, str]:
    """Where these people are placed, after the record of it is durable."""
    warrant = authorise(
        parts,
        caller,
        "access",
        purpose=version.purpose,
        action="derive",
        subjects=people,
        fields=sorted(_fields(version)),
        model=version.model,
        **explained(decision),
    )
    placed = membership.placements(parts, warrant, decision, version, people)
    return {sno: str(json.loads(way)[-1]) for sno, way in placed.items()}


def _fields(version: Version) -> frozenset[str]:
    return needs(version.spec["params"]["features"])


def own(parts: Parts, warrant: Warrant, sno: int) -> dict[str, str]:
    """The segments that one person is in, by ``purpose/name``: for herself (Art. 15(1))."""
    ways = membership.ways_of(parts, warrant, sno)
    return {name: str(json.loads(way)[-1]) for name, way in ways.items()}
