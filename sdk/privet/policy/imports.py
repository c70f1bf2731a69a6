"""Packs that a policy imports: found by name, pinned to every byte by a hash.

What is imported is content, not a place: the hash covers both documents of a pack, so a
pack that was changed, swapped or led elsewhere by a link is another pack, and is refused.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from privet.policy.faults import validated
from privet.policy.policyform import PolicyForm
from privet.policy.problems import Problems, shown
from privet.policy.reading import read
from privet.types import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from privet.policy.reading import Document, Path

PACK: Final = "pack:"
MAX_IMPORTS: Final = 16
"""Packs that one policy imports, those of its imports included."""
MAX_DEPTH: Final = 4
"""How deep imports of imports go."""

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_FORM = "Write `pack:NAME@sha256:HASH`; `privet policy pin pack:NAME` prints it."
_SLIPS = "what is not pinned could change, and with it what this policy means"


@dataclass(frozen=True)
class Source:
    """Where packs come from.

    Attributes:
        find: the documents of the pack of this name; None where there is none.
        names: the packs that there are, for messages.
    """

    find: Callable[[str], Mapping[str, str] | None]
    names: Collection[str]


@dataclass(frozen=True)
class Pack:
    """One imported pack.

    Attributes:
        name: its name, without ``pack:``.
        hash: what it is pinned to, 64 hex digits.
        texts: its documents, ``{"policy": text, "data": text}``.
        document: its policy as it was read; ``file`` is ``pack:NAME/policy.yaml``.
        form: the same in its form.
        imports: what it imports itself.
    """

    name: str
    hash: str
    texts: Mapping[str, str] = field(repr=False)
    document: Document = field(repr=False)
    form: PolicyForm = field(repr=False)
    imports: tuple[Pack, ...] = ()


def pack_hash(texts: Mapping[str, str]) -> str:
    """SHA-256 over every byte of both documents of a pack, 64 hex digits.

    Each document is preceded by its name and its length, so that nothing can be moved from
    one to the other.
    """
    sealed = hashlib.sha256(b"privet-pack-v1\n")
    for name in ("policy", "data"):
        raw = texts[name].encode("utf-8", "surrogatepass")
        sealed.update(f"{name} {len(raw)}\n".encode())
        sealed.update(raw)
    return sealed.hexdigest()


def pinned(name: str, texts: Mapping[str, str]) -> str:
    """What an importing policy writes: ``pack:NAME@sha256:HASH``."""
    return f"{PACK}{name}@sha256:{pack_hash(texts)}"


def gather(document: Document, source: Source, problems: Problems) -> tuple[Pack, ...]:
    """The packs that a document imports, each with its own; faults are noted in ``problems``."""
    return _Gathering(source, problems).of(document, ())


@dataclass
class _Gathering:
    source: Source
    problems: Problems
    seen: dict[str, str] = field(default_factory=dict)
    made: dict[str, Pack | None] = field(default_factory=dict)

    def of(self, document: Document, above: tuple[str, ...]) -> tuple[Pack, ...]:
        listed = document.data.get("imports") if isinstance(document.data, dict) else None
        found: dict[str, Pack] = {}
        for i, text in enumerate(listed if isinstance(listed, list) else ()):
            path: Path = ("imports", i)
            named = self._named(document, path, text)
            if named is None:
                continue
            name, pin = named
            if name in found:
                what = f"the pack `{name}` is imported twice"
                self._wrong(document, path, what, "once says it all", "Keep one of them.")
                continue
            pack = self._pack(document, path, name, pin, above)
            if pack is not None:
                found[name] = pack
        return tuple(found.values())

    def _named(self, document: Document, path: Path, text: Any) -> tuple[str, str] | None:
        """Name and hash of a reference; None where it is none."""
        if not isinstance(text, str):
            return None  # the form says so
        if not text.startswith(PACK):
            self._wrong(
                document,
                path,
                "only packs are imported",
                "a path or an address could lead anywhere",
                _FORM,
            )
            return None
        name, _, pin = text.removeprefix(PACK).partition("@")
        if NAME.match(name) is None or name not in self.source.names:
            self.problems.at(
                document,
                path,
                f"there is no pack {shown(name)}",
                "what is imported must be there, as it was when it was agreed to",
                f"Use one of: {', '.join(sorted(self.source.names))}.",
                self.problems.near(name, self.source.names),
            )
            return None
        if not pin:
            what = f"the pack `{name}` is imported without a hash"
        elif not pin.startswith("sha256:") or _HASH.match(pin.removeprefix("sha256:")) is None:
            what = f"the hash of the pack `{name}` is not `sha256:` and 64 small hex digits"
        else:
            return name, pin.removeprefix("sha256:")
        fix = f"Pin it: `privet policy pin pack:{name}` prints what to write."
        self._wrong(document, path, what, _SLIPS, fix)
        return None

    def _pack(
        self, document: Document, path: Path, name: str, pin: str, above: tuple[str, ...]
    ) -> Pack | None:
        if name in above:
            what = "packs import each other"
            self._wrong(document, path, what, "none of them would be whole", "Break the circle.")
            return None
        if self.seen.setdefault(name, pin) != pin:
            what = f"the pack `{name}` is imported under two hashes: {self.seen[name]} and {pin}"
            why = "of two versions of one pack nobody could tell which one holds"
            self._wrong(document, path, what, why, "Import it under one hash.")
            return None
        if len(self.seen) > MAX_IMPORTS or len(above) >= MAX_DEPTH:
            what = f"more than {MAX_IMPORTS} packs, or more than {MAX_DEPTH} below each other"
            why = "nobody could read what holds any more"
            self._wrong(document, path, what, why, "Import fewer packs.")
            return None
        if name not in self.made:
            self.made[name] = self._read(document, path, name, pin, above)
        return self.made[name]

    def _read(
        self, document: Document, path: Path, name: str, pin: str, above: tuple[str, ...]
    ) -> Pack | None:
        texts = self.source.find(name)
        there = pack_hash(texts) if texts is not None else "none"
        if texts is None or there != pin:
            self._wrong(
                document,
                path,
                f"the pack `{name}` is not the one that is pinned: pinned {pin}, here {there}",
                "a pack changed under its hash is another pack",
                f"Read what changed, then pin it anew: `privet policy pin pack:{name}`.",
            )
            return None
        found, form, faults = _formed(f"{PACK}{name}/policy.yaml", texts["policy"])
        for fault in faults:
            self.problems.found.setdefault(*fault)
        if found is None or form is None:
            return None
        return Pack(name, pin, texts, found, form, self.of(found, (*above, name)))

    def _wrong(self, document: Document, path: Path, what: str, why: str, fix: str) -> None:
        self.problems.at(document, path, what, why, fix)


@lru_cache(maxsize=32)  # what is pinned never changes, and many policies import the same
def _formed(file: str, text: str) -> tuple[Document | None, PolicyForm | None, tuple[Any, ...]]:
    problems = Problems()
    document = read(text, file, problems)
    form = validated(PolicyForm, document, problems) if document else None
    return document, form, tuple(problems.found.items())
