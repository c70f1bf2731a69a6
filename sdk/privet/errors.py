"""Every refusal privet can give, as one small tree.

An error says what was refused, why, and what to do next, and never carries a
personal value: callers may log it, show it or send it anywhere.

    PrivetError
    ├── AccessDenied            the policy says no
    │   ├── ConsentMissing      no ground of this subject covers the purpose now
    │   ├── Objected            the subject objected, or her data is restricted
    │   └── StaleAnswer         an answer older than the subject's last word
    ├── Erased                  the subject was erased, or her erasure has begun
    ├── UnknownSubject          nobody is known under this id
    ├── InvalidInput            a value privet does not take
    ├── PolicyError             a document privet cannot accept
    ├── IntegrityError          stored bytes are not what privet wrote
    ├── KeyUnavailable          the keyring did not give a key
    ├── AuditUnavailable        the record could not be made durable
    ├── StoreUnavailable        a store is busy, full, read-only, outdated or foreign
    ├── HandleInvalid           a handle was closed, or carried across a fork
    ├── ModelUnavailable        no model can serve, or the model cannot be trained
    └── MissingExtra            an optional dependency is not installed
"""

from __future__ import annotations

from typing import ClassVar

DOCS = "reference/errors.md"


class PrivetError(Exception):
    """Base of all privet errors.

    Args:
        what: what was refused, in one clause, free of personal data.
        why: the reason.
        remedy: what to do next; the class's own remedy when left out.
        reason: a stable code finer than ``code``, such as ``"purpose.unknown"``.
    """

    code: ClassVar[str] = "privet"
    remedy_default: ClassVar[str] = "See the documentation of this error."
    exit_code: ClassVar[int] = 1

    def __init__(
        self, what: str, *, why: str = "", remedy: str | None = None, reason: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.remedy = remedy or self.remedy_default
        self.reason = reason or self.code

    @property
    def anchor(self) -> str:
        """Where the documentation explains this error."""
        return f"{DOCS}#{self.code.replace('.', '-')}"

    def __str__(self) -> str:
        why = f": {self.why}" if self.why else ""
        return f"{self.what}{why}. {self.remedy} [{self.reason}]"

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders (pools); keyword-only arguments need this.
        return (_rebuild, (type(self), self.what, self.why, self.remedy, self.reason))

    def to_json(self) -> dict[str, object]:
        """The error as data, for ``--json`` and for APIs."""
        return {
            "code": self.code,
            "reason": self.reason,
            "what": self.what,
            "why": self.why,
            "remedy": self.remedy,
            "docs": self.anchor,
        }


def _rebuild(kind: type[PrivetError], what: str, why: str, remedy: str, reason: str) -> PrivetError:
    return kind(what, why=why, remedy=remedy, reason=reason)


class AccessDenied(PrivetError):
    """The policy does not permit this role, purpose, action or field. GDPR Art. 5(1)(b), 25, 32."""

    code = "access.denied"
    remedy_default = "Ask for what a permit grants (`privet policy explain`), or have one added."
    exit_code = 3


class ConsentMissing(AccessDenied):
    """No legal ground of this subject covers the purpose now. GDPR Art. 6(1)."""

    code = "ground.missing"
    remedy_default = "Ask the subject, or begin the contract that the purpose rests on."


class Objected(AccessDenied):
    """The subject objected (Art. 21) or restricted processing (Art. 18)."""

    code = "ground.objected"
    remedy_default = "Stop; decide the objection or lift the restriction at the rights desk first."


class StaleAnswer(AccessDenied):
    """An answer given before the subject's last word arrived after it. GDPR Art. 7(3)."""

    code = "ground.stale"
    remedy_default = "Show the current state to the subject and ask again."


class Erased(PrivetError):
    """The subject was erased or is being erased. GDPR Art. 17."""

    code = "subject.erased"
    remedy_default = "Do nothing; the person may come back by answering for herself."
    exit_code = 4


class UnknownSubject(PrivetError):
    """Nobody is known under this id."""

    code = "subject.unknown"
    remedy_default = "Check the id; a subject is made by her first ground or event."
    exit_code = 4


class InvalidInput(PrivetError):
    """A value that privet does not take; nothing was stored."""

    code = "input.invalid"
    remedy_default = "Correct the value and send it again; nothing of it was kept."
    exit_code = 2


class PolicyError(PrivetError):
    """A data or policy document that cannot be accepted.

    ``problems`` lists each fault with file, line, what is wrong and how to mend it.
    """

    code = "policy.invalid"
    remedy_default = "Mend the lines named and run `privet policy check`."
    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        remedy: str | None = None,
        reason: str | None = None,
        problems: tuple[dict[str, str | int], ...] = (),
    ) -> None:
        super().__init__(what, why=why, remedy=remedy, reason=reason)
        self.problems = problems

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_policy, (self.what, self.why, self.remedy, self.reason, self.problems))

    def to_json(self) -> dict[str, object]:
        """The error as data, with every problem."""
        return {**super().to_json(), "problems": list(self.problems)}


def _rebuild_policy(
    what: str, why: str, remedy: str, reason: str, problems: tuple[dict[str, str | int], ...]
) -> PolicyError:
    return PolicyError(what, why=why, remedy=remedy, reason=reason, problems=problems)


class IntegrityError(PrivetError):
    """Stored bytes are not what privet wrote: changed, moved, lost or rolled back."""

    code = "integrity.broken"
    remedy_default = "Stop writing; run `privet doctor` and restore from a trusted copy."
    exit_code = 5


class KeyUnavailable(PrivetError):
    """The keyring cannot give a key: missing, foreign, readable by others, or destroyed."""

    code = "key.unavailable"
    remedy_default = "Give privet the deployment's keyring (`keyring=` or PRIVET_KEYRING)."
    exit_code = 6


class AuditUnavailable(PrivetError):
    """The audit record could not be made durable, so nothing was released."""

    code = "audit.unavailable"
    remedy_default = "Make the audit store writable (disk, permissions, database) and try again."
    exit_code = 6


class StoreUnavailable(PrivetError):
    """A store is busy, full, read-only, outdated, behind its log or of another deployment."""

    code = "store.unavailable"
    remedy_default = "Run `privet doctor` on this home; it names the store and the cause."
    exit_code = 6


class HandleInvalid(PrivetError):
    """A handle was closed, or carried across a fork."""

    code = "handle.invalid"
    remedy_default = "Call `privet.open()` in this process (in each worker, after the fork)."
    exit_code = 1


class ModelUnavailable(PrivetError):
    """No model version can serve or be trained as asked."""

    code = "model.unavailable"
    remedy_default = "Train, evaluate and serve a model for this purpose."
    exit_code = 1


class MissingExtra(PrivetError):
    """An optional dependency is not installed; ``extra`` names what to install."""

    code = "extra.missing"
    exit_code = 2

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs an optional dependency",
            why=f"the extra {extra!r} is not installed",
            remedy=f"Install it: pip install 'privet[{extra}]'.",
        )
        self.extra = extra
        self._feature = feature

    def __reduce__(self) -> tuple[object, ...]:
        return (MissingExtra, (self._feature, self.extra))
