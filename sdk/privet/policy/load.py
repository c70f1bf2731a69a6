"""Where policies come from: a pack, a file, a directory, or the home's own store."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privet.errors import InvalidInput, PolicyError
from privet.policy.problems import Problems
from privet.policy.reading import MAX_BYTES, read
from privet.types import NAME, check_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privet.policy.policy import Policy
    from privet.policy.reading import Document

_PACK = "pack:"
PACKS = Path(__file__).resolve().parent.parent / "packs"
_POLICY = "policy.yaml"
_DATA = "data.yaml"
_MOST = f"at most {MAX_BYTES >> 20} MiB are read"
_REGULAR = "a pipe or a device would never end, or never begin"
_MOVED = "half of one version and half of another would be neither"
_SYSTEM = "the system refuses it"


def load(ref: str | Path) -> Policy:
    """Read and compile a policy.

    Args:
        ref: ``"pack:grocery"`` for one that ships with privet, the path of a policy
            document, or a directory with ``policy.yaml`` in it. The data document is
            the file beside it that the policy names under ``data``.

    Raises:
        PolicyError: a file is missing, unreadable or refused; ``problems`` lists why.
    """
    return watched(ref)[0]


def watched(ref: str | Path) -> tuple[Policy, Watch | None]:
    """As ``load``, with what tells later whether the documents are still what was read.

    Returns:
        the policy, and nothing beside it for a pack: its files are a part of privet.

    Raises:
        PolicyError: as ``load``.
    """
    path = _locate(ref)
    policy, seen = _text(path)
    problems = Problems()
    document = read(policy, path.name, problems)
    beside = path.parent / _data_name(document)
    data, seen_beside = _text(beside)
    # Both as they were at one moment: not half written, nor swapped between the two.
    if _now(path) != seen or _now(beside) != seen_beside:
        raise _refused(path, "changed while it was read", _MOVED, "Read it again.")
    texts = {"policy": policy, "data": data}
    files = {"policy": path.name, "data": beside.name}
    compiled = _compile(texts, files, document, problems)
    if path.is_relative_to(PACKS):
        return compiled, None
    found = {path.absolute(): (seen, policy), beside.absolute(): (seen_beside, data)}
    return compiled, Watch(found)


class Watch:
    """Two documents as they were when they were read; safe to use from several threads.

    An edit, another file under the name, a link that leads elsewhere and a file that is gone are
    noticed by what the system tells of the file, its change time included, which nobody sets;
    a file that was only touched, or was put back, by its bytes.

    Args:
        files: absolute path to its state and its text when it was read.
    """

    def __init__(self, files: Mapping[Path, tuple[_Seen, str]]) -> None:
        self._files = {p: (seen, _digest(text)) for p, (seen, text) in files.items()}

    def same(self) -> bool:
        """Whether both still are what was read: two calls of the system where nothing changed."""
        return all(self._same(path) for path in self._files)

    def _same(self, path: Path) -> bool:
        seen, digest = self._files[path]
        now = _now(path)
        if now == seen:
            return True
        try:
            text, now = _text(path)
        except PolicyError:
            return False
        if _digest(text) != digest:
            return False
        self._files[path] = now, digest
        return True


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def compile_documents(documents: Mapping[str, str]) -> Policy:
    """Compile the texts ``{"policy": ..., "data": ...}``, as a home keeps them.

    Imported packs are taken from the same mapping, under ``"pack:NAME:policy"`` and
    ``"pack:NAME:data"``, and only where they are not there from those that ship with
    privet: an old version needs no pack that is installed.

    Raises:
        PolicyError: with every fault of both in ``problems``.
    """
    problems = Problems()
    document = read(documents.get("policy", ""), _POLICY, problems)
    return _compile(documents, {"policy": _POLICY, "data": _DATA}, document, problems)


def packs() -> tuple[str, ...]:
    """Names of the packs that ship with privet, sorted."""
    return tuple(sorted(p.parent.name for p in PACKS.glob(f"*/{_POLICY}")))


def pin(ref: str) -> str:
    """What a policy writes under ``imports`` for a pack: ``"pack:gdpr@sha256:..."``.

    >>> pin("pack:gdpr").partition("@")[0]
    'pack:gdpr'

    Raises:
        PolicyError: no such pack.
    """
    from privet.policy.imports import pinned

    path = _locate(ref if ref.startswith(_PACK) else f"{_PACK}{ref}")
    return pinned(path.parent.name, _pack(path.parent.name) or {})


def schema(document: str) -> dict[str, Any]:
    """The JSON Schema of ``"data"`` or ``"policy"``, for editors.

    Raises:
        InvalidInput: another name.
    """
    from privet.policy.faults import schema as of_form

    return of_form(document)


def _compile(
    documents: Mapping[str, str],
    files: Mapping[str, str],
    policy: Document | None,
    problems: Problems,
) -> Policy:
    # pydantic and the forms cost a tenth of a second, which `import privet` must not pay.
    from privet.policy.compile import compile_texts
    from privet.policy.imports import Source

    kept = [name.split(":") for name in documents if name.startswith(_PACK)]
    stored = frozenset(parts[1] for parts in kept if NAME.match(parts[1]))

    def find(name: str) -> Mapping[str, str] | None:
        if name not in stored:
            return _pack(name)
        return {key: documents.get(f"{_PACK}{name}:{key}", "") for key in ("policy", "data")}

    source = Source(find, stored | frozenset(packs()))
    return compile_texts(documents, files, policy, source, problems)


def _pack(name: str) -> dict[str, str] | None:
    """The documents of a pack that ships with privet; None where there is none."""
    if name not in packs():
        return None
    policy, data = (_text(PACKS / name / file)[0] for file in (_POLICY, _DATA))
    return {"policy": policy, "data": data}


def _locate(ref: str | Path) -> Path:
    if isinstance(ref, str) and ref.startswith(_PACK):
        name = ref.removeprefix(_PACK)
        if name not in packs():
            raise PolicyError(
                "there is no such pack",
                remedy=f"Use one of: {', '.join(packs())}.",
                reason="policy.pack",
            )
        return PACKS / name / _POLICY
    try:
        path = check_path(ref, "the policy", "policy.place")
        return path / _POLICY if path.is_dir() else path
    except (OSError, InvalidInput):  # a name that is too long; no name at all
        raise PolicyError(
            "this is no place of a policy document",
            remedy="Give a path, a directory, or `pack:<name>`.",
            reason="policy.place",
        ) from None


def _data_name(document: Document | None) -> str:
    """The data document's name; only a plain name, so that no path leads elsewhere."""
    name = document.data.get("data") if document else None
    if isinstance(name, str) and name.endswith(".yaml") and NAME.match(name.removesuffix(".yaml")):
        return name
    # The compiler will refuse the name; the usual file serves for what else is wrong.
    return _DATA


_Seen = tuple[int, int, int, int, int]


def _seen(status: os.stat_result) -> _Seen:
    """What tells one state of a file from another: which file, how long, when changed."""
    times = status.st_mtime_ns, status.st_ctime_ns
    return status.st_dev, status.st_ino, status.st_size, *times


def _now(path: Path) -> _Seen | None:
    try:
        return _seen(path.stat())
    except OSError:
        return None


def _text(path: Path) -> tuple[str, _Seen]:
    """A document's text, and what it was read from."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _refused(
                    path, "is not a regular file", _REGULAR, "Point to the document itself."
                )
            seen = _seen(os.fstat(descriptor))
            raw = file.read(MAX_BYTES + 1)
    except OSError:
        raise _refused(path, "cannot be read", _SYSTEM, "Check path and permissions.") from None
    try:
        return raw.decode("utf-8"), seen
    except UnicodeDecodeError:
        if len(raw) > MAX_BYTES:
            raise _refused(path, "is too long", _MOST, "Keep it short.") from None
        raise _refused(path, "is not UTF-8", "no other encoding is taken", "Save it so.") from None


def _refused(path: Path, what: str, why: str, fix: str) -> PolicyError:
    problems = Problems()
    problems.add(path.name, (1, 1), f"the document {what}", why, fix)
    found = tuple(problems.found.values())
    return PolicyError(f"a policy document {what}", why=why, remedy=fix, problems=found)
