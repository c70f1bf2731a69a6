"""The form of a notice's head: what is told, for programs. Owner: the privacy desk."""

from typing import Annotated, Literal

from pydantic import Field

from privet.policy.scalars import Form, Name, PeriodText, Reference, Text

Language = Annotated[
    str, Field(pattern=r"^[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?$")
]
"""A language tag such as ``en``, ``pt-BR`` or ``sr-Latn``."""


class TellingForm(Form):
    """What is told of one purpose (GDPR Art. 13(1)(c), (e), 13(2)(a))."""

    ask: Text | None = None
    """The question, in plain words, for this purpose alone (Art. 7(2), 12(1))."""
    tell: Text | None = None
    """Instead of a question, what is told of a purpose that rests on something else."""
    opt_out: Text | None = None
    """Instead, what is told of a purpose that stands until a person opts out, and how she does."""
    categories: Annotated[list[Name], Field(min_length=1)]
    """Categories of the data document that are used for it."""
    recipients: list[Name] = Field(default=[])
    """Recipients of the policy that may receive data for it."""
    retention: PeriodText
    """How long data may be used for it, from an event's time."""
    held: PeriodText | None = None
    """How long a law keeps some of it beyond that, where one does."""


class AnswersForm(Form):
    """The words of both answers."""

    yes: Text
    """What agrees."""
    no: Text
    """What refuses; as plain and as near as the yes."""


class NoticeForm(Form):
    """What people are told, in one language."""

    privet: Literal["notice/1"]
    """The version of this form."""
    notice: Name
    """What the notice is called: its versions and translations share the name."""
    version: Reference
    """The version's name; a version is never changed, a new one is added."""
    language: Language
    """A language tag (BCP 47)."""
    material: bool = False
    """Whether everybody is asked again, since what is told has changed in substance."""
    grace: PeriodText | None = None
    """With `material`: how long answers to older versions still hold; not at all if left out."""
    purposes: Annotated[dict[Name, TellingForm], Field(min_length=1)]
    """What is told of each purpose."""
    answers: AnswersForm
    """The words of both answers."""
