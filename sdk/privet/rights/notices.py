"""The notices of a deployment, for whoever shows, checks or adds them. Nothing personal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from privet.clock import instant
from privet.errors import InvalidInput
from privet.gate import answerable, notices
from privet.gate.answerable import Mode
from privet.gate.parts import Caller, Parts
from privet.ingest import Receipt
from privet.notices import Notice, load_notice, read_notice
from privet.types import check_type


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One text of one version of a notice.

    Attributes:
        notice: SHA-256 of the document, 64 hex digits: what an answer sends back.
        label: ``name/version/language``.
        name: what it is called.
        version: the version's name.
        language: its language tag.
        purposes: the purposes that it tells of.
        added: when it was added.
        live: whether it can be answered to.
        record: index of its record in the log.
        lapses: from when on older answers no longer hold; None where it is not material.
    """

    notice: str
    label: str
    name: str
    version: str
    language: str
    purposes: tuple[str, ...]
    added: datetime
    live: bool
    record: int
    lapses: datetime | None


class Notices:
    """``deployment.notices``: what people are told, word by word and as data."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def mode(self) -> Mode:
        """``"kept"`` once a notice was added; until then ``"elsewhere"``.

        Elsewhere, an answer names a text by a code of the host's own, and privet cannot
        tell what the person saw. Kept, a purpose without a live notice cannot be agreed to.
        """
        return answerable.mode(notices.everything(self._parts))

    def list(self) -> list[NoticeLine]:
        """Every notice that was ever added, oldest first."""
        known = notices.everything(self._parts)
        live = set(notices.live(self._parts, known))
        return [
            NoticeLine(
                notice=one.hash,
                label=one.label,
                name=one.name,
                version=one.version,
                language=one.language,
                purposes=one.purposes,
                added=instant(one.at),
                live=one in live,
                record=one.seq,
                lapses=None if one.lapses is None else instant(one.lapses),
            )
            for one in known
        ]

    def show(self, notice: str) -> Notice:
        """One notice with its text.

        Args:
            notice: its hash, or its label ``name/version/language``.

        Raises:
            InvalidInput: there is none (``notice.unknown``).
            IntegrityError: its text is not what was added.
        """
        check_type(notice, str, "a notice", "Give its hash, or name/version/language.")
        found = answerable.find(notices.everything(self._parts), notice)
        if found is None:
            raise InvalidInput(
                "there is no such notice",
                remedy="Look at `privet notice list`.",
                reason="notice.unknown",
            )
        return notices.text_of(self._parts, found)

    def check(self) -> tuple[dict[str, str | int], ...]:
        """Where the active policy permits more than the live notices tell.

        Returns:
            For each fault ``file`` (the notice's label), ``line``, ``what`` and ``fix``;
            nothing where everything is told.
        """
        return notices.untold(self._parts)


def add(parts: Parts, caller: Caller, document: str | Path) -> Receipt:
    """Add a notice from a file, or from its text."""
    whole = isinstance(document, str) and "\n" in document
    notice = read_notice(str(document)) if whole else load_notice(document)
    return Receipt(*notices.add(parts, caller, notice))
