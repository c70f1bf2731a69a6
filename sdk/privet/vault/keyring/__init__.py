"""Keyrings: who holds the secret of an epoch, outside every store and every backup."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from privet.clock import Clock, SystemClock
from privet.errors import KeyUnavailable
from privet.vault.keyring import refusals, specs
from privet.vault.keyring.guard import DEADLINE_S, Guarded
from privet.vault.keyring.protocol import Destruction, Keyring

if TYPE_CHECKING:
    from privet.db import Location

__all__ = [
    "DEADLINE_S",
    "Destruction",
    "Guarded",
    "Keyring",
    "former_keyrings",
    "open_keyring",
]

ENVIRONMENT = "PRIVET_KEYRING"


def open_keyring(
    given: str | Keyring | None, home: Location, clock: Clock | None = None
) -> Guarded:
    """The keyring that was given or named, behind the border that all of them have.

    Args:
        given: a text such as ``file:PATH`` (``specs.USES`` lists the forms), or an object with
            the methods of a keyring. Without one PRIVET_KEYRING counts, then ``keyring/`` in a
            home that is a directory.
        home: where the stores are.
        clock: states the moment of a destruction; the system's when left out.

    Raises:
        KeyUnavailable: no keyring where one is needed (reason ``keyring.missing``), or one
            of an unknown kind (``keyring.kind``).
    """
    if given is None or (isinstance(given, str) and not given):
        given = os.environ.get(ENVIRONMENT) or None
    if isinstance(given, Guarded):
        return given
    if given is not None and not isinstance(given, str):
        return Guarded(given)
    spec = _usual(home) if given is None else specs.parse(given)
    return Guarded(specs.build(spec, clock or SystemClock()))


def former_keyrings(
    given: str | Keyring | None, current: Keyring, home: Location, clock: Clock
) -> tuple[Guarded, ...]:
    """The keyring before the current one, while keys move to it; none where none is given.

    Raises:
        KeyUnavailable: it is of the current one's kind: nothing tells then whose an epoch is
            (``keyring.kind``).
    """
    if given is None:
        return ()
    former = open_keyring(given, home, clock)
    if former.name == current.name:
        raise refusals.misspelt("Move to another kind of keyring first, and from there.")
    return (former,)


def _usual(home: Location) -> specs.Spec:
    if home.directory is None:
        raise KeyUnavailable(
            "no keyring is named",
            why="a home in a database has no directory to keep one in",
            reason="keyring.missing",
        )
    return specs.Spec("file", str(home.directory / "keyring"), {})
