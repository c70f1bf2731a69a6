"""The person herself, proved by the host: what she answers and what she may have done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from privet.gate import grounds
from privet.gate.parts import Caller, Parts
from privet.gate.planning import PlanLine
from privet.gate.record import decide
from privet.gate.register import Erasure
from privet.ingest import Receipt
from privet.rights import access as disclosure
from privet.rights import answering, asking, objecting
from privet.rights import desk as rights
from privet.rights.answering import ConsentReceipt
from privet.types import CONSENT, RIGHTS, Action, Id, check_path, check_subject, check_text


class Subject:
    """The person herself, proved by the host."""

    def __init__(self, parts: Parts, subject: Id, proof: str) -> None:
        check_text(proof, "a proof of identity")
        self._parts = parts
        self._id = check_subject(subject)

    @property
    def consent(self) -> OwnConsent:
        """Her answers."""
        return OwnConsent(self._parts, self._id)

    @property
    def rights(self) -> OwnRights:
        """Her rights."""
        return OwnRights(self._parts, self._id)

    def __repr__(self) -> str:
        return "Subject(<herself>)"


class OwnConsent:
    """What she answers, herself. GDPR Art. 7, 21."""

    def __init__(self, parts: Parts, subject: Id) -> None:
        self._parts = parts
        self._id = subject

    def ask(self, purposes: Sequence[str], *, language: str = "") -> list[dict[str, Any]]:
        """What to ask her, as data for any user interface: each purpose by itself.

        Args:
            purposes: purposes of the policy, in the order in which they are shown.
            language: a language tag that the notice has; may be left out where it has one.

        Returns:
            For each purpose its question in plain words (``text``), what it rests on
            (``ground``), the ``categories`` of data, ``recipients`` and ``retention``; the
            ``choices``, a yes and a no of equal weight, with nothing ``chosen``; the
            notice's words (``told``); and what to send back: ``notice`` (its hash),
            ``shown`` (the hash of its rendered form) and ``seen``. ``not_before`` is the
            instant before which she, having opted out, is not to be asked (Cal. Civ. Code
            1798.135(c)(4)); the choices are then for a page that she opens by herself.

        Raises:
            InvalidInput: an unknown purpose, or no live notice in this language.
        """
        return asking.form(self._parts, self._id, purposes, language)

    def answer(
        self,
        answers: Mapping[str, bool],
        *,
        notice: str,
        how: str,
        event_id: str = "",
        seen: int = -1,
        shown: str = "",
        age: int | None = None,
        country: str = "",
        language: str = "",
    ) -> ConsentReceipt:
        """Record her answers, a 'no' as well as a 'yes'.

        Args:
            answers: purpose to yes or no.
            notice: the hash of the notice that she saw, as ``ask`` gave it; a code of the
                host's own where no notice is kept (``deployment.notices.mode``).
            how: where she answered, such as ``"web-banner"``.
            event_id: the client's own id of this answer: a repeat changes nothing.
            seen: the position that ``ask`` gave: a delayed 'yes' is refused.
            shown: SHA-256 of what her screen showed, in hex; the notice's own rendered
                form where left out.
            age: her age in years, as far as the app knows it. Below the age of her country
                a yes is not hers alone to give (Art. 8): a desk records her parent's.
            country: whose law protects her, an ISO 3166 code; the strictest where unknown.
            language: of what she saw, where the host keeps the text itself; a notice that is
                kept here tells its own.

        Returns:
            With ``document``, the signed receipt for her to keep.

        Raises:
            InvalidInput: the notice is not kept here, not live, or tells of something else.
            StaleAnswer: she answered before her last withdrawal and it arrives after it.
        """
        said = {"channel": how, "actor": "self"}
        proof = answering.told(self._parts, notice, shown, country, language, **said)
        return answering.answer(
            self._parts, answering.herself(), self._id, answers, proof, None, event_id, seen, age
        )

    def withdraw(self, *purposes: str, how: str = "") -> ConsentReceipt:
        """Withdraw: as easy as to give (Art. 7(3)); holds from the next read, models follow.

        Args:
            *purposes: what she withdraws from.
            how: where she did, such as ``"settings"``.
        """
        proof = answering.proof(actor="self", channel=how)
        for purpose in purposes:
            grounds.check(self._parts, answering.withdrawal(self._parts, purpose))
        return answering.withdraw(self._parts, answering.herself(), self._sno(), purposes, proof)

    def opt_out(self, *purposes: str, how: str, country: str = "") -> ConsentReceipt:
        """Opt out of purposes that stand until she does; it holds from the next read.

        Cal. Civ. Code 1798.120, 1798.121. No notice is needed, nor her place.

        Args:
            *purposes: purposes whose basis is ``opt-out``.
            how: where she did, such as ``"settings"``; ``"gpc"`` for the signal of her
                browser (Global Privacy Control).
            country: whose law protects her, an ISO 3166 code, where the app knows it.
        """
        proof = answering.proof("", country, actor="self", channel=how)
        return answering.opt_out(self._parts, answering.herself(), self._id, purposes, proof)

    def object(self, purpose: str, *, reason: str = "", how: str = "") -> Receipt:
        """Object to a purpose: it is suspended for her at once. Art. 21.

        Args:
            purpose: what she objects to.
            reason: her particular situation, in her words (Art. 21(1)); none is needed
                against direct marketing.
            how: where she objected, such as ``"web-banner"``.
        """
        proof = answering.proof(actor="self", channel=how, reason=reason)
        return objecting.object_to(self._parts, answering.herself(), self._id, purpose, proof)

    def state(self, purpose: str | None = None, *, at: datetime | None = None) -> dict[str, str]:
        """Where each purpose stands for her, or one of them; now, or at a past instant."""
        sno = self._parts.subjects.find([self._id])[0]
        decide(self._parts, answering.herself(sno), CONSENT, "read", (), about=answering.one(sno))
        return rights.state(self._parts, answering.herself(sno), sno, purpose, at)

    def _sno(self) -> int:
        return answering.known(self._parts, answering.herself(), self._id, CONSENT, "withdraw")


class OwnRights:
    """What she may have done with her data, herself."""

    def __init__(self, parts: Parts, subject: Id) -> None:
        self._parts = parts
        self._id = subject

    def plan(self) -> list[PlanLine]:
        """What an erasure would destroy and what a law would hold."""
        sno, caller = self._herself("erase")
        return rights.plan(self._parts, caller, sno)

    def erase(self) -> Erasure:
        """Erase everything about her that no law holds, models included. Art. 17."""
        sno, caller = self._herself("erase")
        return rights.erase(self._parts, caller, [sno], "")[0]

    def access(self) -> dict[str, Any]:
        """All that is kept about her. Art. 15."""
        sno, caller = self._herself("read")
        return disclosure.everything(self._parts, caller, sno)

    def export(self, path: str | Path) -> Receipt:
        """The same as a file. Art. 20."""
        target = check_path(path, "the export", "export.path")
        sno, caller = self._herself("export")
        return disclosure.export(self._parts, caller, sno, target)

    def _herself(self, action: Action) -> tuple[int, Caller]:
        sno = answering.known(self._parts, answering.herself(), self._id, RIGHTS, action)
        return sno, answering.herself(sno)
