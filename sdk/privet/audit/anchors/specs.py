"""Anchors as text, for ``privet.toml`` and the environment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from privet.audit.anchors.base import Anchor
from privet.audit.anchors.file import FileAnchor
from privet.audit.anchors.witness import WitnessAnchor
from privet.errors import InvalidInput

FILE, SAME, WITNESS = "file:", "file+same-volume:", "witness:"


def anchor(spec: str | Anchor) -> Anchor:
    """One anchor: as it is, or made from its text.

    Args:
        spec: ``"file:PATH"``, ``"file+same-volume:PATH"`` or ``"witness:URL#VKEY"``.

    Raises:
        InvalidInput: it has another form.
    """
    if isinstance(spec, str):
        for prefix in (FILE, SAME):
            if spec.startswith(prefix) and len(spec) > len(prefix):
                return FileAnchor(spec.removeprefix(prefix), same_volume=prefix == SAME)
        url, mark, vkey = spec.removeprefix(WITNESS).partition("#")
        if spec.startswith(WITNESS) and mark:
            return WitnessAnchor(url, vkey)
    elif isinstance(spec, Anchor):
        return spec
    raise InvalidInput(
        "this kind of anchor is unknown",
        remedy="Give file:PATH, file+same-volume:PATH, witness:URL#VKEY, or an object of "
        "privet.audit.anchors.",
        reason="anchor.spec",
    )


def anchors(specs: Iterable[str | Anchor]) -> tuple[Anchor, ...]:
    """Several anchors, each under a name of its own.

    Raises:
        InvalidInput: one has another form, or two are the same.
    """
    if isinstance(specs, str):
        specs = (specs,)
    made = tuple(anchor(spec) for spec in specs)
    if len({one.name for one in made}) < len(made):
        raise InvalidInput("two anchors are the same one", reason="anchor.spec")
    return made


def within(limit: Any) -> int | None:
    """The time within which every record must be anchored, in microseconds; None for none.

    Args:
        limit: a timedelta, or None.

    Raises:
        InvalidInput: it is no time, or shorter than the pace at which anchors are reached.
    """
    if limit is None:
        return None
    if not isinstance(limit, timedelta) or limit < timedelta(minutes=2):
        raise InvalidInput(
            "this time within which records must be anchored was refused",
            why="it is no timedelta of two minutes or more: anchors are reached once a minute",
            reason="anchor.within",
        )
    return limit // timedelta(microseconds=1)
