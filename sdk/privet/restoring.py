"""Restoring a deployment from a backup, or where it stands: closed until all is put right.

The order, each step safe to repeat: load the three copies with the row that closes the home →
look through the log and decide → begin a new timeline in keys and log → apply what the log knows
→ carry out erasures, withdrawals and ended holds again → open. A restore that is cut off before
the last step has opened nothing; the same command begins it again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from privet.audit import treestore
from privet.audit.anchors import Kept, specs
from privet.audit.checkpoint import Verifier
from privet.audit.origin import origin_of
from privet.backup import anchored, exported, looking, making, plan, reading, renewal, replaying
from privet.backup.manifest import Name, check_signed
from privet.clock import Clock, SystemClock
from privet.crypto import Signer
from privet.db import Home, Location, locate, open_stores
from privet.db.loading import Source, accept, copied, load, state
from privet.deployment import assemble
from privet.errors import InvalidInput, StoreUnavailable
from privet.gate import keylife
from privet.gate.record import flush_counts
from privet.maintenance import CALLER
from privet.policy.load import load as load_policy
from privet.settings import resolve
from privet.types import check_path
from privet.vault import Keyring, Keys, open_keyring
from privet.vault.keyring import cores, former_keyrings

if TYPE_CHECKING:
    from privet.policy import Policy

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        home: where: the directory, or ``"postgresql"``.
        deployment: its id, 32 hex digits.
        timeline: the one that began.
        origin: what the log is called from now on.
        records: records of the log that were kept.
        lost: records that were known elsewhere and that nobody has any more.
        first: the next ordinal that is given out.
        changes: records of the log that were applied to the data store.
        erased: erasures that were carried out again.
        withdrawn: grounds whose end was carried out again.
        released: holds that had ended.
        policy: ``"same"``, ``"brought forward"`` (as the log says) or ``"older"`` (accepted).
    """

    home: str
    deployment: str
    timeline: int
    origin: str
    records: int
    lost: int
    first: int
    changes: int
    erased: int
    withdrawn: int
    released: int
    policy: str


def restore(
    home: str | os.PathLike[str] | None = None,
    backup: str | os.PathLike[str] | None = None,
    *,
    data: str | os.PathLike[str] | None = None,
    keys: str | os.PathLike[str] | None = None,
    audit: str | os.PathLike[str] | None = None,
    in_place: bool = False,
    keyring: str | Keyring | None = None,
    former_keyring: str | Keyring | None = None,
    anchor: str | os.PathLike[str] | None = None,
    accept_loss: str | None = None,
    policy: str | Path | None = None,
    clock: Clock | None = None,
    sync: Literal["FULL", "OFF"] = "FULL",
    progress: Progress | None = None,
) -> Restored:
    """Bring a deployment back from a backup into an empty home, or renew one where it stands.

    Everything that the newest log knows is applied before anybody can open it: erasures,
    suppressions, withdrawals. A new timeline begins: no subject's number is given out a second
    time, and the log goes on under a name of its own, from a record that names the old one.

    Args:
        home: an empty place: a directory or a ``postgresql://`` URL; settings when left out.
        backup: the directory of a backup, with ``data``, ``keys`` and ``audit`` in it.
        data: the directory of one copy, where it lies elsewhere.
        keys: likewise.
        audit: likewise; or a log that is newer: of a later backup, of an export, or of a home
            that is alive.
        in_place: take no backup: the stores stay where they are. For a database that was failed
            over to a replica, and for store files that were put back by hand.
        keyring: as for ``privet.open``; a backup never holds it.
        former_keyring: the one before, where the backup is older than a change of keyrings.
        anchor: what was kept of the log elsewhere: an anchor's file, a checkpoint, an export;
            beside the anchors of the settings.
        accept_loss: why it is accepted that the anchor knows of records which nobody has any
            more; kept sealed, and the log commits to it. Anything that says who and why.
        policy: the one that was activated after the backup, which is not in it.
        clock: where time comes from.
        sync: ``"OFF"`` for tests alone.
        progress: is told the store, what is loaded, and of how much.

    Raises:
        StoreUnavailable: the backup is not whole, its copies do not fit together or into this
            home, or it ends before the anchor (``backup.*``, ``restore.*``).
        IntegrityError: the log, or a manifest, is not this deployment's own or was changed.
        KeyUnavailable: the keyring does not open the copied keys.
        PolicyError: the policy that was activated last is needed (``restore.policy``).
    """
    cores.forbid()
    given = None if isinstance(keyring, str) else keyring
    found = resolve(home, keyring if isinstance(keyring, str) else None)
    location, time = locate(found.home), clock or SystemClock()
    offered = None if policy is None else load_policy(policy)
    kept = [list(one.kept()) for one in specs.anchors(found.anchors)]
    if anchor is not None:
        place = check_path(anchor, "the anchor", "backup.path").expanduser()
        kept.append(anchored.kept_in(place))
    named: dict[Name, str | os.PathLike[str] | None] = {"data": data, "keys": keys, "audit": audit}
    if in_place == (backup is not None or any(one is not None for one in named.values())):
        raise InvalidInput(
            "it is not clear what is to be restored",
            remedy="Name a backup, or `in_place` (--in-place) for the stores where they are.",
            reason="restore.what",
        )
    parcels: Mapping[Name, reading.Parcel] = {}
    if in_place:
        _stay(location, sync)
    else:
        parcels = _load(location, backup, named, sync, progress or making.silent)
    stores = open_stores(location, sync, restoring=True)
    try:
        ring = open_keyring(found.keyring if given is None else given, location, time)
        former = former_keyrings(former_keyring or found.former_keyring, ring, location, time)
        options = _Options(ring, former, time, kept, accept_loss, offered)
        return _revive(stores, parcels, options)
    finally:
        stores.close()


@dataclass(frozen=True, slots=True)
class _Options:
    keyring: Keyring
    former: tuple[Keyring, ...]
    clock: Clock
    kept: Sequence[Sequence[Kept]]
    accept_loss: str | None
    offered: Policy | None


def _stay(location: Location, sync: Literal["FULL", "OFF"]) -> None:
    """Close a home that stays where it is; one whose restore was cut off is closed already."""
    if state(location).kind == "empty":
        raise StoreUnavailable(
            "there is no deployment at this home",
            remedy="Name the backup to restore from.",
            reason="store.missing",
        )
    stores = open_stores(location, sync, restoring=True)
    try:
        if plan.read(stores) is None:
            plan.begin(stores)
    finally:
        stores.close()


def _load(
    location: Location,
    backup: str | os.PathLike[str] | None,
    named: Mapping[Name, str | os.PathLike[str] | None],
    sync: Literal["FULL", "OFF"],
    progress: Progress,
) -> Mapping[Name, reading.Parcel]:
    """Load the three copies, closed; what they say of themselves."""
    with tempfile.TemporaryDirectory(prefix="privet-restore-") as aside:
        living = _living(named["audit"], Path(aside) / "audit.db")
        places = making.places(backup, named if living is None else {**named, "audit": aside})
        if living is not None:
            del places["audit"]
        parcels = reading.find(places)
        sources = {name: parcel.source for name, parcel in parcels.items()}
        if living is not None:
            sources["audit"] = living
        _check_free(location, parcels["data"].manifest.deployment)
        load(location, sources, b"{}", progress, sync)
    return parcels


def _living(place: str | os.PathLike[str] | None, file: Path) -> Source | None:
    """The log of an export, or of a home that is alive; None where the place is of a backup."""
    if place is None:
        return None
    text = os.fspath(place)
    if "://" not in text:
        directory = check_path(text, "the log", "backup.path").expanduser()
        if exported.is_export(directory):
            exported.rebuild(directory, file)
            return Source(file, "")
        if (directory / making.MANIFEST).exists() or not (directory / "audit.db").exists():
            return None
    copied(locate(text), "audit", file)
    return Source(file, "")


def _check_free(location: Location, deployment: str) -> None:
    found = state(location)
    if found.kind == "empty":
        return
    if found.deployment.hex() != deployment:
        raise reading.foreign("another deployment stands at this home")
    if found.kind == "used":
        raise StoreUnavailable(
            "this home is not empty",
            why="the deployment of this backup stands there, perhaps newer than the backup",
            remedy="Restore into an empty place; move what is there away first, and give its log "
            "with --audit, since it is the newest.",
            reason="restore.occupied",
        )


def _revive(stores: Home, parcels: Mapping[Name, reading.Parcel], options: _Options) -> Restored:
    keys = Keys(stores.keys, options.keyring, stores.deployment, options.clock, options.former)
    signers = [Signer(keys.secret("signing", ver)) for ver in keys.own.versions("signing")]
    decided = plan.read(stores)
    log = looking.look(stores.audit, stores.deployment, [one.public for one in signers])
    # The one in force; where the copy of the keys is older than that, the newest that it has.
    signer = next((one for one in signers if one.public == log.key.public), signers[-1])
    _check_parcels(stores, parcels, log)
    if decided is None:
        number = parcels["data"].manifest.backup if parcels else ""
        decided = plan.decide(stores, log, number, options.kept, options.accept_loss)
        plan.begin(stores, decided)
    renewal.renew(stores, decided, signer, options.clock)
    parts = assemble(stores, None, options.keyring, options.clock, former=options.former)
    done = replaying.replay(
        parts,
        CALLER,
        log.policies,
        options.offered,
        accepts=bool(options.accept_loss and options.accept_loss.strip()),
    )
    if signer.public != Verifier.parse(decided.previous).public:  # one that was replaced since
        keylife.rotate_signing(parts, CALLER)
    renewal.keep_words(parts, decided)
    flush_counts(parts)
    accept(stores.location)
    plan.end(stores)
    location = stores.location
    return Restored(
        home=str(location.directory) if location.directory else "postgresql",
        deployment=stores.deployment.hex(),
        timeline=decided.timeline,
        origin=origin_of(stores.deployment, decided.timeline),
        records=decided.size,
        lost=decided.lost,
        first=decided.first,
        changes=done.changes,
        erased=done.erased,
        withdrawn=done.withdrawn,
        released=done.released,
        policy=done.policy,
    )


def _check_parcels(stores: Home, parcels: Mapping[Name, reading.Parcel], log: looking.Log) -> None:
    """Refuse copies that this deployment did not make, or that the log does not explain."""
    for parcel in parcels.values():
        told = parcel.manifest
        origin = origin_of(stores.deployment, told.timeline)
        check_signed(parcel.note, [Verifier(origin, key) for key in sorted(log.keys)])
        if told.size > log.head.size:
            raise reading.mixed(f"the log is older than the copy of {told.store}")
        with stores.audit.read() as tx:
            if treestore.root_at(tx, told.size).hex() != told.root:
                raise reading.mixed(f"the copy of {told.store} is of another history than the log")
