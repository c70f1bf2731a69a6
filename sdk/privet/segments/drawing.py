"""Drawing a version for whoever may evaluate it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from privet.errors import InvalidInput
from privet.gate.parts import Caller, Parts
from privet.gate.versions import Version
from privet.segments import charts, pictures
from privet.segments.evaluating import Opened, of_version
from privet.segments.following import FINE
from privet.segments.pictures import Form
from privet.segments.telling import columns

TITLES: Mapping[charts.Projection, str] = {
    "pca": "People by their two principal components",
    "tsne": "People by their neighbours (t-SNE; distances say nothing)",
}


def draw(parts: Parts, caller: Caller, version: Version, what: str, form: str) -> bytes:
    """A picture of a version, of those of its people who have a ground now.

    Raises:
        AccessDenied: no permit to evaluate for the purpose.
        InvalidInput: there is no such picture or form.
        MissingExtra: the extra ``plots`` is not installed.
        ModelUnavailable: the version is gone, or of another policy.
    """
    if what not in tuple(PICTURES) or form not in ("svg", "png"):
        raise InvalidInput(
            "there is no such picture",
            why=f"there are {', '.join(PICTURES)}, as svg or png",
            reason="segments.picture",
        )
    pictures.check_installed()
    opened = of_version(parts, caller, version)
    if what == "profile":  # the one that names columns
        opened = _of_now(parts, opened)
    least = max(parts.policy.purposes[version.purpose].models.least, 1)
    return PICTURES[what](opened, least, cast("Form", form))


def _map(method: charts.Projection) -> Callable[[Opened, int, Form], bytes]:
    def draw_map(opened: Opened, least: int, form: Form) -> bytes:
        points, labels = _sampled(opened) if method == "tsne" else _points(opened)
        flat = charts.project(points, method)
        return pictures.map_of(charts.cells(flat, labels, least), TITLES[method], form)

    return draw_map


def _of_now(parts: Parts, opened: Opened) -> Opened:
    """Without the columns that may not be told of any more."""
    held, purpose = opened.held, opened.version.purpose
    told = columns(parts, purpose, held.segmenter.features, held.names)
    names = tuple(held.names[i] for i in told)
    return replace(opened, held=replace(held, names=names), rows=opened.rows[:, told])


def _silhouette(opened: Opened, least: int, form: Form) -> bytes:
    return pictures.silhouette(charts.silhouettes(*_sampled(opened), least), form)


def _profile(opened: Opened, least: int, form: Form) -> bytes:
    found = charts.profiles(opened.held.names, opened.rows, opened.labels, least)
    return pictures.profile(found, form)


def _points(opened: Opened) -> tuple[np.ndarray, np.ndarray]:
    """Points in an order of their own, with the label of each."""
    order = np.lexsort((opened.labels, *opened.rows.T))
    points = opened.held.segmenter.points(opened.rows[order].astype(np.int64)) / FINE
    return points, opened.labels[order]


def _sampled(opened: Opened) -> tuple[np.ndarray, np.ndarray]:
    points, labels = _points(opened)
    every = -(-len(points) // charts.MOST) or 1
    return points[::every], labels[::every]


PICTURES: Mapping[str, Callable[[Opened, int, Form], bytes]] = {
    "pca": _map("pca"),
    "tsne": _map("tsne"),
    "silhouette": _silhouette,
    "profile": _profile,
}
"""Every picture of a version by its name."""
