"""A notice as a document: a head in YAML between two lines ``---``, then the text."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from privet.errors import PolicyError
from privet.policy import Period, packs
from privet.policy.problems import Problems
from privet.policy.reading import Document, read
from privet.types import check_path, check_type

if TYPE_CHECKING:
    from privet.notices.noticeform import NoticeForm, TellingForm

MAX_BYTES: Final = 256 << 10
_PACK: Final = "pack:"
_PACKS: Final = Path(__file__).resolve().parent.parent / "packs"
_LANGUAGE: Final = re.compile(r"(?:[A-Za-z]{2,4}(?:-[A-Za-z0-9]{2,4}){0,2})?")
WEIGHT: Final = 4  # neither answer's words are longer than so many times the other's
_FENCE: Final = "---"
Fault = dict[str, str | int]
"""One fault: ``file``, ``line``, ``what`` and ``fix``."""

# What a person sees must be what is hashed: no control characters, and none that reorder.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


@dataclass(frozen=True, slots=True)
class Telling:
    """What a notice tells of one purpose.

    Attributes:
        text: the question or statement, in plain words.
        asked: whether it is a question: the purpose rests on consent.
        categories: categories of data that are used, sorted.
        recipients: who may receive it, sorted.
        retention: how long after an event its data may be used.
        held: how long a law keeps some of it; None where none does.
        opt_out: whether it stands until a person opts out: both answers are shown.
    """

    text: str
    asked: bool
    categories: tuple[str, ...]
    recipients: tuple[str, ...]
    retention: Period
    held: Period | None
    opt_out: bool = False

    def as_data(self) -> dict[str, Any]:
        """Everything but the words, as plain data."""
        return {
            "asked": self.asked,
            "categories": list(self.categories),
            "recipients": list(self.recipients),
            "retention": str(self.retention),
            "held": None if self.held is None else str(self.held),
            **({"opt_out": True} if self.opt_out else {}),
        }


@dataclass(frozen=True, eq=False)
class Notice:
    """One text of one version of a notice.

    Attributes:
        hash: SHA-256 of the document as it is, 64 hex digits: `sha256sum` gives the same.
        name: what it is called.
        version: the version's name.
        language: its language tag.
        material: whether everybody is asked again.
        grace: how long answers to older versions hold; None: not at all.
        purposes: what is told of each purpose.
        yes: the words that agree.
        no: the words that refuse.
        text: what people read.
        document: the document as it is.
        place: its head as read, for the line of a fault.
    """

    hash: str
    name: str
    version: str
    language: str
    material: bool
    grace: Period | None
    purposes: Mapping[str, Telling]
    yes: str
    no: str
    text: str = field(repr=False)
    document: str = field(repr=False)
    place: Document = field(repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Notice) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    @property
    def label(self) -> str:
        """How people call it: ``name/version/language``."""
        return f"{self.name}/{self.version}/{self.language}"

    @property
    def head(self) -> str:
        """SHA-256 of all that it tells besides words: one for all languages of a version."""
        told: dict[str, Any] = {p: t.as_data() for p, t in self.purposes.items()}
        grace = None if self.grace is None else str(self.grace)
        plain = json.dumps([self.material, grace, told], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()

    @property
    def rendered(self) -> str:
        """The notice as plain text, as a person reads it: text, questions, both answers."""
        both = f"\n( ) {self.yes}\n( ) {self.no}"
        told = [t.text + both * (t.asked or t.opt_out) + "\n" for t in self.purposes.values()]
        return "\n".join([self.text.strip() + "\n", *told])

    @property
    def shown(self) -> str:
        """SHA-256 of the rendered form, 64 hex digits."""
        return hashlib.sha256(self.rendered.encode()).hexdigest()


def load_notice(path: str | os.PathLike[str]) -> Notice:
    """Read a notice from a file, or one that ships with a pack.

    Args:
        path: where it is, or ``"pack:shop"``, ``"pack:shop/de"``: the notice of a pack, in
            English where no language is named.

    Raises:
        PolicyError: it cannot be read, or ``read_notice`` refuses it.
    """
    place = _place(path)
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            # A pipe or device would never end, or never begin.
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            raw = file.read(MAX_BYTES + 1) if regular else None
    except OSError:
        raw = None
    if raw is None:
        raise _refused(place.name, "it cannot be read", "Point to the document itself.")
    try:
        return read_notice(raw.decode("utf-8"), place.name)
    except UnicodeDecodeError:
        raise _refused(place.name, "it is not UTF-8", "Save it as UTF-8.") from None


def _place(path: str | os.PathLike[str]) -> Path:
    if isinstance(path, str) and path.startswith(_PACK):
        name, _, language = path.removeprefix(_PACK).partition("/")
        if name in packs() and _LANGUAGE.fullmatch(language):
            return _PACKS / name / f"notice.{language or 'en'}.md"
        raise _refused("pack", "there is no such pack", f"Use one of: {', '.join(packs())}.")
    return check_path(path, "the notice", "notice.place")


def read_notice(document: str, file: str = "notice") -> Notice:
    """Read a notice.

    Args:
        document: the whole document.
        file: its name, for messages.

    Raises:
        PolicyError: reason ``notice.invalid``, with every fault in ``problems``.
    """
    check_type(document, str, "a notice", "Give the text of the document.")
    head, text = _parts(document, file)
    problems = Problems()
    place = read(head, file, problems)
    form = _form(place, problems) if place is not None else None
    if place is not None and form is not None:
        _check(place, form, text, problems)
    found = faults(problems)
    if found or place is None or form is None:
        raise _faulty(found)
    return _notice(document, place, form, text)


def faults(problems: Problems) -> tuple[Fault, ...]:
    """What was found, by file and line."""
    try:
        problems.raise_if_any()
    except PolicyError as error:
        return error.problems
    return ()


def _parts(document: str, file: str) -> tuple[str, str]:
    """The head, with an empty line for its fence so that lines count, and the text."""
    if len(document) > MAX_BYTES or len(document.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _refused(file, "it is longer than 256 KiB", "Keep it short: people read it.")
    lines = document.split("\n")
    ends = [i for i, line in enumerate(lines) if i and line.rstrip() == _FENCE]
    if lines[0].rstrip() != _FENCE or not ends:
        raise _refused(
            file, "it has no head between two lines `---`", "Begin with `---`, the head, `---`."
        )
    return "\n".join(["", *lines[1 : ends[0]]]), "\n".join(lines[ends[0] + 1 :])


def _form(place: Document, problems: Problems) -> NoticeForm | None:
    # pydantic and the forms cost a tenth of a second, which `import privet` must not pay.
    from privet.notices.noticeform import NoticeForm
    from privet.policy.faults import validated

    return validated(NoticeForm, place, problems)


def _check(place: Document, form: NoticeForm, text: str, problems: Problems) -> None:
    if not text.strip():
        problems.at(
            place,
            (),
            "there is no text after the head",
            "a notice is what people read (GDPR Art. 12(1))",
            "Write what people shall read.",
        )
    if not _readable(text):
        problems.at(
            place,
            (),
            "the text is not NFC, or holds control characters or such that reorder it",
            "what is hashed must be what is seen",
            "Write plain text.",
        )
    if form.grace is not None and not form.material:
        problems.at(
            place,
            ("grace",),
            "`grace` without `material: true`",
            "only a material change asks again",
            "Remove one of them.",
        )
    words = [form.answers.yes.strip(), form.answers.no.strip()]
    shorter, longer = sorted(map(len, words))
    if words[0].casefold() == words[1].casefold() or longer > WEIGHT * shorter:
        problems.at(
            place,
            ("answers",),
            "yes and no are not of equal weight (GDPR Art. 4(11), 7(4), recital 32)",
            "an answer that is led is not freely given",
            f"Use different words, neither more than {WEIGHT} times as long as the other.",
        )
    for name, telling in form.purposes.items():
        if sum(way is not None for way in (telling.ask, telling.tell, telling.opt_out)) != 1:
            problems.at(
                place,
                ("purposes", name),
                "a purpose is neither asked for nor told of, or both",
                "a consent is asked for, another ground is told of (GDPR Art. 13(1)(c))",
                "Give `ask` for a consent, `opt_out` where people opt out, else `tell`.",
            )
    words = [_words(telling) for telling in form.purposes.values()]
    if len(set(words)) != len(words):
        problems.at(
            place,
            ("purposes",),
            "two purposes are told of in the same words (GDPR Art. 6(1)(a), recital 43)",
            "nobody could tell to what she agrees",
            "Ask for each purpose by itself.",
        )


def _words(telling: TellingForm) -> str:
    return telling.ask or telling.tell or telling.opt_out or ""


def _readable(text: str) -> bool:
    if unicodedata.normalize("NFC", text) != text or not _REORDERING.isdisjoint(text):
        return False
    unseen = {"Cc", "Cs", "Co", "Cn"}
    return all(unicodedata.category(c) not in unseen for c in set(text) - {"\n", "\t"})


def _notice(document: str, place: Document, form: NoticeForm, text: str) -> Notice:
    return Notice(
        hash=hashlib.sha256(document.encode()).hexdigest(),
        name=form.notice,
        version=form.version,
        language=form.language,
        material=form.material,
        grace=None if form.grace is None else Period.parse(form.grace),
        purposes=MappingProxyType(
            {
                name: Telling(
                    text=_words(told),
                    asked=told.ask is not None,
                    categories=tuple(sorted(set(told.categories))),
                    recipients=tuple(sorted(set(told.recipients))),
                    retention=Period.parse(told.retention),
                    held=None if told.held is None else Period.parse(told.held),
                    opt_out=told.opt_out is not None,
                )
                for name, told in form.purposes.items()
            }
        ),
        yes=form.answers.yes,
        no=form.answers.no,
        text=text,
        document=document,
        place=place,
    )


def _faulty(found: tuple[Fault, ...]) -> PolicyError:
    first = found[0]
    return PolicyError(
        "the notice cannot be accepted",
        why=f"{first['file']}, line {first['line']}: {first['what']}",
        remedy="Mend the lines named and run `privet notice check`.",
        reason="notice.invalid",
        problems=found,
    )


def _refused(file: str, what: str, fix: str) -> PolicyError:
    fault: Fault = {"file": file, "line": 1, "column": 1, "what": what, "near": "", "fix": fix}
    return _faulty((fault | {"why": "a notice is read whole or not at all"},))
