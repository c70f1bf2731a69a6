"""Finding the three copies of a backup, and refusing what does not belong together.

What is refused here is refused before anything is loaded: a copy that is missing or was cut off,
copies of two deployments or of two backups, and a log that is older than what it has to explain.
Whether the log really is the one of whose checkpoints the manifests tell, and whether the
manifests are this deployment's own, is known once its keys are open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from privet.backup.making import DRAFT, MANIFEST, ORDER
from privet.backup.manifest import MAX_BYTES, Manifest, Name, parse
from privet.db.copying import torn
from privet.db.loading import Source
from privet.db.migrate import REVISION
from privet.errors import StoreUnavailable


@dataclass(frozen=True, slots=True)
class Parcel:
    """One store's copy as it lies there.

    Attributes:
        manifest: what it says of itself.
        note: the same with its signature.
        path: its file.
    """

    manifest: Manifest
    note: bytes
    path: Path

    @property
    def source(self) -> Source:
        """What is loaded."""
        return Source(self.path, self.manifest.sha256)


def find(directories: Mapping[Name, Path]) -> dict[Name, Parcel]:
    """The copies in these directories, as far as they belong together.

    Args:
        directories: of data and keys, and of the log where it is of a backup: this or a newer one.

    Raises:
        StoreUnavailable: one is missing or not whole (``backup.torn``); they are of different
            deployments (``backup.foreign``), of other tables than this version's
            (``backup.revision``), or of moments that do not fit together (``backup.mixed``).
        InvalidInput: a manifest has another form (``backup.form``).
    """
    found = {name: _parcel(directories[name], name) for name in ORDER if name in directories}
    manifests = [parcel.manifest for parcel in found.values()]
    data, keys = found["data"].manifest, found["keys"].manifest
    if len({m.deployment for m in manifests}) > 1:
        raise foreign("its copies are of different deployments")
    if any(m.revision != REVISION for m in manifests):
        raise StoreUnavailable(
            "this backup has other tables than this version of privet",
            why=f"they are not of revision {REVISION}",
            remedy="Restore it with the version that made it, then run `privet init --migrate`.",
            reason="backup.revision",
        )
    if data.backup != keys.backup:
        raise mixed("the copies of data and keys are of two backups")
    if "audit" in found and found["audit"].manifest.size < max(data.size, keys.size):
        raise mixed("the copy of the log is older than the copies of data and keys")
    return found


def mixed(why: str) -> StoreUnavailable:
    """The error for copies of moments that do not fit together."""
    return StoreUnavailable(
        "the copies of this backup do not fit together",
        why=why,
        remedy="Take data and keys of one backup, and its own log or a newer one.",
        reason="backup.mixed",
    )


def foreign(why: str) -> StoreUnavailable:
    """The error for what is of another deployment."""
    return StoreUnavailable(
        "a backup was refused here",
        why=why,
        remedy="Restore each deployment from its own backups, into a place of its own.",
        reason="backup.foreign",
    )


def _parcel(directory: Path, name: Name) -> Parcel:
    try:
        with (directory / MANIFEST).open("rb") as file:
            note = file.read(MAX_BYTES + 1)
    except OSError:
        cut = (directory / f"{name}.db{DRAFT}").exists() or (directory / f"{name}.db").exists()
        why = "was cut off before its manifest was written" if cut else "is not in its directory"
        raise torn(f"the copy of {name} {why}") from None
    manifest = parse(note)
    if manifest.store != name:
        raise mixed(f"the directory named for {name} holds the copy of another store")
    path = directory / manifest.file
    if not path.is_file() or path.stat().st_size != manifest.bytes:
        raise torn(f"the copy of {name} has another length than its manifest says")
    return Parcel(manifest, note, path)
