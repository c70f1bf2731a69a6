"""Putting segments live: the placements and figures that everything released rests on.

They are made once, when a version is served, and not when somebody looks: looking twice
gives the same, and no two looks can be subtracted from each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from privet.gate import artifact, membership
from privet.gate.membership import Figures
from privet.gate.parts import Caller, Parts
from privet.gate.record import authorise, decide, explained
from privet.gate.versions import Version
from privet.segments.base import NOBODY, from_bytes, last_rows
from privet.segments.codec import Artifact, unpack
from privet.segments.matching import match
from privet.segments.personas import drift, reasons, traits
from privet.segments.placing import Placing, Told, coarse, place, shared

if TYPE_CHECKING:
    import numpy as np

SERVINGS = 8
"""For how many servings the way of a person is kept, and the sizes that were told."""
NOTHING_SHOWN: Mapping[str, Any] = {
    "segments": {},
    "counted": [],
    "next": 1,
    "paths": [],
    "drift": [],
}


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """Where a version puts its people.

    Attributes:
        where: person to segment.
        tracks: person to her rows, oldest first.
    """

    where: Mapping[int, str]
    tracks: Mapping[int, np.ndarray]

    def known(self, people: Iterable[int]) -> list[np.ndarray]:
        """The rows of these; whoever waits to move out may have none any more."""
        return [self.tracks[sno] for sno in people if sno in self.tracks]


def serve(parts: Parts, caller: Caller, version: Version) -> None:
    """Put a version live, and move what is released towards it as far as may be.

    Raises:
        AccessDenied: no permit to serve for the purpose.
        ModelUnavailable: the version is gone, or of another policy.
    """
    version, state = artifact.load(parts, artifact.current(parts, version).version)
    held = unpack(state)
    decision = decide(parts, caller, version.purpose, "serve", held.segmenter.needs, at_all=True)
    people = membership.contributors(parts, version) | membership.placed(parts, version.model)
    eligible = membership.eligible(parts, decision, people)
    warrant = authorise(
        parts,
        caller,
        "access",
        purpose=version.purpose,
        action="serve",
        subjects=eligible,
        model=version.model,
        version=version.version,
        **explained(decision),
    )
    kept = membership.kept(parts, warrant, decision, version, eligible)
    ways = {
        sno: list(json.loads(way))
        for sno, way in membership.placements(parts, warrant, decision, version, eligible).items()
    }
    shown = membership.figures(parts, version.model)
    if shown.lineage == version.lineage:  # as before: nothing may be told by serving it again
        artifact.serve(parts, caller, version)
        return
    least = parts.policy.purposes[version.purpose].models.least
    detail, where = _moved(held, version.name, kept, ways, shown, least)
    artifact.serve(parts, caller, version)
    sealed = {sno: json.dumps(way).encode() for sno, way in where.items()}
    membership.replace(parts, warrant, decision, version, sealed, detail)


def _moved(
    held: Artifact,
    name: str,
    kept: Mapping[int, bytes],
    ways: Mapping[int, Sequence[str]],
    shown: Figures,
    least: int,
) -> tuple[dict[str, Any], dict[int, list[str]]]:
    """The figures and everybody's way after as many moves as may be applied."""
    before = {sno: way[-1] for sno, way in ways.items()}
    earlier: Mapping[str, Any] = shown.detail or NOTHING_SHOWN
    found, after = _found(held, name, kept, before, int(earlier["next"]))
    counted: list[Mapping[str, int]] = earlier["counted"]
    placing = place(_past(ways, counted), found.where, least)
    where = {
        sno: [*ways.get(sno, ()), segment][-SERVINGS:] for sno, segment in placing.where.items()
    }
    figures = _figures(held, found, placing, earlier["segments"], least)
    members = {segment: int(figure["members"]) for segment, figure in figures.items()}
    detail = {
        **earlier,
        "segments": figures,
        "counted": [*counted, members][-SERVINGS:],
        "next": after,
    }
    if not 0 < placing.differing < least:
        everybody = found.known(where)
        detail["paths"] = _paths(held, found, where, least)
        detail["drift"] = drift(held.names, everybody, everybody, least)
    return detail, where


def _past(ways: Mapping[int, Sequence[str]], counted: Sequence[Mapping[str, int]]) -> list[Told]:
    """The releases that people's ways go through, oldest first."""
    return [
        Told({sno: way[-back] for sno, way in ways.items() if len(way) >= back}, counted[-back])
        for back in range(len(counted), 0, -1)
    ]


def _paths(
    held: Artifact, found: Found, where: Mapping[int, Sequence[str]], least: int
) -> list[dict[str, Any]]:
    """The ways that enough people went, with why those moved who moved last."""
    ways = {sno: tuple(way) for sno, way in where.items()}
    told: list[dict[str, Any]] = []
    for path, people in shared(ways.values(), least).items():
        tracks = found.known(sno for sno, way in ways.items() if way == path)
        moved = len(path) > 1 and path[-1] != path[-2]
        shifts = drift(held.names, tracks, list(found.tracks.values()), least) if moved else []
        why = reasons(held.segmenter.features, shifts)
        told.append({"path": list(path), "people": coarse(people, least), "why": why})
    return told


def _found(
    held: Artifact, name: str, kept: Mapping[int, bytes], before: Mapping[int, str], fresh: int
) -> tuple[Found, int]:
    """Where the model puts everybody, its segments under the ids that they had."""
    people = sorted(kept)
    tracks = [from_bytes(kept[sno]) for sno in people]
    labels = held.segmenter.fit(tracks, len(held.names)).labels
    ids = match(labels, [before.get(sno) for sno in people])
    for label in sorted(set(labels.tolist()) - {NOBODY} - ids.keys()):
        ids[label] = f"{name}-{fresh}"
        fresh += 1
    where = {
        sno: ids[int(label)] for sno, label in zip(people, labels, strict=True) if label != NOBODY
    }
    return Found(where, dict(zip(people, tracks, strict=True))), fresh


def _figures(
    held: Artifact,
    found: Found,
    placing: Placing,
    earlier: Mapping[str, Any],
    least: int,
) -> dict[str, Any]:
    """Figures of the segments that are large enough: new ones, or those released last."""
    members: dict[str, list[int]] = {}
    for sno, segment in sorted(placing.where.items()):
        members.setdefault(segment, []).append(sno)
    width = len(held.names)
    everybody = last_rows(found.known(sorted(placing.where)), width)
    figures: dict[str, Any] = {}
    for segment, people in members.items():
        if segment not in placing.fresh:
            figures |= {s: figure for s, figure in earlier.items() if s == segment}
        elif len(people) >= least:
            rows = last_rows(found.known(people), width)
            figures[segment] = {
                "members": len(people),
                "size": coarse(len(people), least),
                "traits": traits(held.names, held.segmenter.features, rows, everybody),
            }
    return figures
