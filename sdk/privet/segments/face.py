"""What an access can do with segments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from privet.clock import micros
from privet.gate import artifact
from privet.gate.parts import Caller, Parts
from privet.gate.versions import Version
from privet.segments import drawing, evaluating, live, release, serving, training
from privet.segments.base import Segmenter
from privet.segments.evaluating import Cohesion
from privet.segments.release import Release
from privet.types import Id, check_list, check_text, check_type

if TYPE_CHECKING:
    import pandas as pd

A_VERSION = "Give what `train` or `list` returned."


class Segments:
    """Segments of one purpose, or of those that it builds on."""

    def __init__(self, parts: Parts, caller: Caller, purpose: str) -> None:
        self._parts = parts
        self._caller = caller
        self._purpose = purpose

    def train(self, name: str, spec: Segmenter, *, at: datetime | None = None) -> Version:
        """Segment everybody who has a ground now; again under the same name to follow them.

        Args:
            name: the segmentation's name within the purpose.
            spec: method, features and parameters.
            at: the instant that the features hold for; now when left out.

        Raises:
            AccessDenied: no permit to train on these fields, or too few people.
        """
        check_text(name, "a segmentation's name", 64)
        check_type(spec, Segmenter, "the method", "Give one of privet.segments, made.")
        then = None if at is None else micros(at)
        return training.train(self._parts, self._caller, self._purpose, name, spec, then)

    def choose(self, specs: Sequence[Segmenter], *, at: datetime | None = None) -> pd.DataFrame:
        """How well each of several ways to segment would do; nothing is kept.

        Args:
            specs: methods or numbers of segments, all of the same features.
            at: the instant that the features hold for; now when left out.
        """
        tried = check_list(specs, "the ways to segment")
        for spec in tried:
            check_type(spec, Segmenter, "a way to segment", "Give some of privet.segments, made.")
        then = None if at is None else micros(at)
        return evaluating.choose(self._parts, self._caller, self._purpose, tried, then)

    def evaluate(self, version: Version) -> Cohesion:
        """How well a version's segments hold together."""
        return evaluating.evaluate(self._parts, self._caller, self._own(version))

    def picture(self, version: Version, what: str = "pca", *, form: str = "svg") -> bytes:
        """A picture of a version, for whoever may evaluate it: counts of many, nobody's place.

        Args:
            version: from ``train`` or ``list``.
            what: ``"pca"`` or ``"tsne"`` for a map, ``"silhouette"`` or ``"profile"``.
            form: ``"svg"`` or ``"png"``.

        Raises:
            AccessDenied: no permit to evaluate for the purpose.
            MissingExtra: the extra ``plots`` is not installed.
        """
        return drawing.draw(self._parts, self._caller, self._own(version), what, form)

    def serve(self, version: Version) -> None:
        """Put a version live: what is shown and released moves towards it from now on."""
        live.serve(self._parts, self._caller, self._own(version))

    def list(self) -> list[Version]:
        """All versions of this purpose's segmentations, oldest first.

        Raises:
            AccessDenied: these roles may neither train, evaluate nor serve for the purpose.
        """
        training.check_works(self._parts, self._caller, self._purpose)
        found = artifact.versions(self._parts, self._purpose)
        return [version for version in found if serving.is_segments(version)]

    def show(self, *, model: str | None = None) -> pd.DataFrame:
        """The segments that are large enough to be shown: id, size in tens, persona, traits."""
        return serving.show(self._parts, self._caller, self._purpose, self._named(model))

    def describe(self, *, model: str | None = None) -> pd.DataFrame:
        """The same as ``show``."""
        return self.show(model=model)

    def of(self, subject: Id, *, model: str | None = None) -> str | None:
        """The segment that one person is placed in; None where she is in none.

        Raises:
            AccessDenied: no permit to derive it for one person alone.
            ConsentMissing: no ground covers the purpose.
            UnknownSubject: nobody is known under this id.
        """
        named = self._named(model)
        return serving.of(self._parts, self._caller, self._purpose, subject, named)

    def of_many(self, subjects: Sequence[Id], *, model: str | None = None) -> dict[Id, str | None]:
        """The segments of several people, under one record; None where there is no ground.

        Raises:
            AccessDenied: no permit to derive it for one person alone.
        """
        named = self._named(model)
        ids = check_list(subjects, "subjects")
        return serving.of_many(self._parts, self._caller, self._purpose, ids, named)

    def moves(self, *, model: str | None = None) -> pd.DataFrame:
        """How many went which way through the segments of the last servings, in tens."""
        return serving.moves(self._parts, self._caller, self._purpose, self._named(model))

    def drift(self, *, model: str | None = None) -> pd.DataFrame:
        """How far everybody's features moved between the last two trainings."""
        return serving.drift(self._parts, self._caller, self._purpose, self._named(model))

    def release(
        self, segment: str, *, fields: Sequence[str], to: str, model: str | None = None
    ) -> Release:
        """A segment's people with named fields of their profiles, for one recipient.

        Raises:
            AccessDenied: no permit for these fields and this recipient, or too few people.
            InvalidInput: no such segment, or a field that is none of the profile's.
        """
        named = self._named(model)
        return release.release(self._parts, self._caller, self._purpose, segment, fields, to, named)

    def _own(self, version: Version) -> Version:
        check_type(version, Version, "the version", A_VERSION)
        training.check_version(version, self._purpose)
        return version

    @staticmethod
    def _named(model: str | None) -> str | None:
        if model is not None:
            check_type(model, str, "a model", "Name a segmentation, or leave it out.")
        return model

    def __repr__(self) -> str:
        return f"Segments(purpose={self._purpose!r}, roles={sorted(self._caller.roles)})"
