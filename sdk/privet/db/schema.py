"""All tables of the three stores, in SQLModel, in a registry that no host application sees.

A host's ``SQLModel.metadata.create_all()`` must never make privet's tables, so each
store has metadata of its own. Hot paths speak SQL through ``db.store``; these classes
are the schema's one definition, read by Alembic and by ``init``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

KEYS = registry(metadata=MetaData())
DATA = registry(metadata=MetaData())
AUDIT = registry(metadata=MetaData())
METADATA = {"keys": KEYS.metadata, "data": DATA.metadata, "audit": AUDIT.metadata}
CLUSTERED = {"sqlite_with_rowid": False}


class KeysTable(SQLModel, registry=KEYS):
    """Base of the tables of the keys store."""


class DataTable(SQLModel, registry=DATA):
    """Base of the tables of the data store."""


class AuditTable(SQLModel, registry=AUDIT):
    """Base of the tables of the audit store."""


def _int(*, key: bool = False, null: bool = False, index: bool = False) -> Any:
    return Field(
        sa_column=Column(
            BigInteger, primary_key=key, nullable=null, index=index, autoincrement=False
        )
    )


def _text(*, key: bool = False, null: bool = False, index: bool = False) -> Any:
    return Field(sa_column=Column(Text, primary_key=key, nullable=null, index=index))


def _blob(*, key: bool = False, null: bool = False) -> Any:
    return Field(sa_column=Column(LargeBinary, primary_key=key, nullable=null))


# --- keys ------------------------------------------------------------------------------


class KeysMeta(KeysTable, table=True):
    """Deployment id, schema version, next ordinal."""

    __tablename__ = "meta"
    key: str = _text(key=True)
    value: bytes = _blob()


class Epoch(KeysTable, table=True):
    """A key-encryption key; the key itself is held by the provider, never here."""

    __tablename__ = "epoch"
    kek_id: int = _int(key=True)
    commitment: bytes = _blob()
    provider: str = _text()
    provider_ref: str = _text()
    state: str = _text()
    wraps: int = _int()
    created: int = _int()
    destroy_after: int | None = _int(null=True)


class SubjectKey(KeysTable, table=True):
    """One wrapped key per subject and domain. A rowid table: deleting leaves no residue."""

    __tablename__ = "subject_key"
    sno: int = _int(key=True)
    dom: int = _int(key=True)
    gen: int = _int()
    kek_id: int = _int()
    wrapped: bytes = _blob()
    kc: bytes = _blob()


class FormerKey(KeysTable, table=True):
    """A subject's key before it was renewed, until nothing is sealed under it any more."""

    __tablename__ = "former_key"
    sno: int = _int(key=True)
    dom: int = _int(key=True)
    gen: int = _int()
    kek_id: int = _int()
    wrapped: bytes = _blob()
    kc: bytes = _blob()


class Secret(KeysTable, table=True):
    """Keys of the deployment itself (blind index, MACs, signing), wrapped under the epoch."""

    __tablename__ = "secret"
    name: str = _text(key=True)
    ver: int = _int(key=True)
    kek_id: int = _int()
    wrapped: bytes = _blob()
    kc: bytes = _blob()


class ModelKey(KeysTable, table=True):
    """One wrapped key per model version, destroyed with the version."""

    __tablename__ = "model_key"
    model: int = _int(key=True)
    version: int = _int(key=True)
    kek_id: int = _int()
    wrapped: bytes = _blob()
    kc: bytes = _blob()


class Domain(KeysTable, table=True):
    """Data of one fate: collected for one purpose, or held by one law."""

    __tablename__ = "domain"
    dom: int = _int(key=True)
    name: str = _text()
    purpose: str = _text()
    hold: str = _text()


class SubjectRef(KeysTable, table=True):
    """The only link from a person to her ordinal: a keyed blind index of her id."""

    __tablename__ = "subject_ref"
    tag: bytes = _blob(key=True)
    ver: int = _int()
    sno: int = _int(index=True)
    held: int = _int()


class Suppressed(KeysTable, table=True):
    """The erased stay erased: a keyed tag that refuses tonight's re-import.

    ``ver``: the version of the blind index whose tag it is made from; 0 where from the id.
    """

    __tablename__ = "suppressed"
    tag: bytes = _blob(key=True)
    until: int = _int()
    request: str = _text()
    ver: int = _int()


# --- data ------------------------------------------------------------------------------


class DataMeta(DataTable, table=True):
    """Deployment id, schema version, active policy, applied log position."""

    __tablename__ = "meta"
    key: str = _text(key=True)
    value: bytes = _blob()


class PolicyVersion(DataTable, table=True):
    """The documents of a policy that was activated once, under its hash; never changed."""

    __tablename__ = "policy_version"
    hash: str = _text(key=True)
    documents: str = _text()


class PolicyActivation(DataTable, table=True):
    """Which version became the active one; ``seq`` is its record in the log."""

    __tablename__ = "policy_activation"
    seq: int = _int(key=True)
    hash: str = _text()
    at: int = _int()
    detail: str = _text()


class Layout(DataTable, table=True):
    """What a cell group holds: an event type and the fields of one atom."""

    __tablename__ = "layout"
    grp: int = _int(key=True)
    event: str = _text()
    fields: str = _text()


class Cell(DataTable, table=True):
    """Sealed typed arrays: up to some hundred events of one subject, domain and atom."""

    __tablename__ = "cell"
    __table_args__ = (Index("cell_lapses", "lapses"), CLUSTERED)
    sno: int = _int(key=True)
    dom: int = _int(key=True)
    seq: int = _int(key=True)
    grp: int = _int(key=True)
    n: int = _int()
    lapses: int = _int()
    ct: bytes = _blob()


class Head(DataTable, table=True):
    """Sealed list of the live cells of one subject and domain."""

    __tablename__ = "head"
    __table_args__ = (CLUSTERED,)
    sno: int = _int(key=True)
    dom: int = _int(key=True)
    ver: int = _int()
    ct: bytes = _blob()


class LedgerEntry(DataTable, table=True):
    """Projection of the log's ledger leaves: what one person said at once, as the leaf says it.

    ``seq`` is the leaf's index.
    """

    __tablename__ = "ledger"
    __table_args__ = (Index("ledger_leaf", "seq", unique=True), CLUSTERED)
    sno: int = _int(key=True)
    seq: int = _int(key=True)
    body: bytes = _blob()
    mac: bytes = _blob()


class Ground(DataTable, table=True):
    """Where each purpose stands for one person now; MAC'd, rebuilt from the ledger.

    ``pending``: an objection waits for a decision.
    """

    __tablename__ = "ground"
    __table_args__ = (
        Index(
            "ground_pending",
            "sno",
            sqlite_where=text("pending = 1"),
            postgresql_where=text("pending = 1"),
        ),
        CLUSTERED,
    )
    sno: int = _int(key=True)
    body: bytes = _blob()
    pending: int = _int()
    mac: bytes = _blob()


class GroundDelta(DataTable, table=True):
    """A change not yet folded into the bitmaps."""

    __tablename__ = "ground_delta"
    __table_args__ = (CLUSTERED,)
    purpose: str = _text(key=True)
    chunk: int = _int(key=True)
    seq: int = _int(key=True)
    sno: int = _int(key=True)
    active: int = _int()
    expires: int | None = _int(null=True)
    mac: bytes = _blob()


class GroundSet(DataTable, table=True):
    """A bitmap of 65,536 ordinals with an active ground: a cache of the ledger."""

    __tablename__ = "ground_set"
    purpose: str = _text(key=True)
    chunk: int = _int(key=True)
    bits: bytes = _blob()
    upto: int = _int()
    due: int | None = _int(null=True)
    mac: bytes = _blob()


class GroundEnd(DataTable, table=True):
    """Who lapses in one period, and when each; their hashes are in the row of the chunk."""

    __tablename__ = "ground_end"
    purpose: str = _text(key=True)
    chunk: int = _int(key=True)
    period: int = _int(key=True)
    who: bytes = _blob()
    ends: bytes = _blob()


class Provenance(DataTable, table=True):
    """Where an import comes from, sealed once for all of its leaves."""

    __tablename__ = "provenance"
    commitment: str = _text(key=True)
    ct: bytes = _blob()


class GroundEpoch(DataTable, table=True):
    """The row that a withdrawal locks and a publication shares."""

    __tablename__ = "ground_epoch"
    purpose: str = _text(key=True)
    epoch: int = _int()


class Fence(DataTable, table=True):
    """A subject whose erasure has begun: nothing of hers is released from here on."""

    __tablename__ = "fence"
    sno: int = _int(key=True)
    request: str = _text()
    seq: int = _int()


class Run(DataTable, table=True):
    """A running job that will publish: its position, policy and lease."""

    __tablename__ = "run"
    id: str = _text(key=True)
    purpose: str = _text()
    position: int = _int()
    policy: str = _text()
    lease: int = _int()


class Model(DataTable, table=True):
    """One version of a model; bytes in ``model_page``, key in the keys store.

    A removal makes a new version of the same lineage; a training begins a lineage.
    """

    __tablename__ = "model"
    model: int = _int(key=True)
    version: int = _int(key=True)
    lineage: int = _int()
    name: str = _text()
    purpose: str = _text()
    spec: str = _text()
    digest: bytes = _blob()
    slice: str = _text()
    state: str = _text()
    subjects: int = _int()
    created: int = _int()
    deadline: int | None = _int(null=True)
    report: str = _text()


class ModelPage(DataTable, table=True):
    """A sealed piece of one model version."""

    __tablename__ = "model_page"
    model: int = _int(key=True)
    version: int = _int(key=True)
    part: int = _int(key=True)
    ct: bytes = _blob()


class ModelLive(DataTable, table=True):
    """Which version serves, and the epoch that every worker compares at each read.

    ``served`` grows with every serving: the greatest is the purpose's default model.
    """

    __tablename__ = "model_live"
    purpose: str = _text(key=True)
    name: str = _text(key=True)
    model: int = _int()
    version: int = _int()
    epoch: int = _int()
    served: int = _int()


class Contribution(DataTable, table=True):
    """What one subject added to one model, sealed under her key: what is subtracted."""

    __tablename__ = "contribution"
    __table_args__ = (CLUSTERED,)
    sno: int = _int(key=True)
    model: int = _int(key=True)
    lineage: int = _int(key=True)
    ct: bytes = _blob()


class SegmentMember(DataTable, table=True):
    """In which segment one subject is for what is released, sealed under her key."""

    __tablename__ = "segment_member"
    __table_args__ = (CLUSTERED,)
    sno: int = _int(key=True)
    model: int = _int(key=True)
    ct: bytes = _blob()


class SegmentFigures(DataTable, table=True):
    """What may be shown of one model's segments; changed only where enough people differ."""

    __tablename__ = "segment_figures"
    model: int = _int(key=True)
    lineage: int = _int()
    detail: str = _text()


class Removal(DataTable, table=True):
    """One subtraction of one cause from one model: a replay does not subtract twice."""

    __tablename__ = "removal"
    cause: str = _text(key=True)
    model: int = _int(key=True)
    lineage: int = _int(key=True)
    version: int = _int()
    detail: str = _text()


class ModelGone(DataTable, table=True):
    """A version that was taken away and whose key is still to be destroyed."""

    __tablename__ = "model_gone"
    model: int = _int(key=True)
    version: int = _int(key=True)


class Request(DataTable, table=True):
    """The register of rights requests (Art. 12(3)): every erasure has one."""

    __tablename__ = "request"
    id: str = _text(key=True)
    kind: str = _text()
    sno: int = _int(index=True)
    received: int = _int()
    due: int = _int()
    state: str = _text()
    held_until: int | None = _int(null=True)
    detail: str = _text()
    certificate: bytes | None = _blob(null=True)


class Item(DataTable, table=True):
    """The catalogue: not personal, plain, versioned."""

    __tablename__ = "item"
    id: str = _text(key=True)
    code: int = _int(index=True)
    fields: str = _text()


class Notice(DataTable, table=True):
    """The text an answer refers to, kept by content: a projection of the log but for its text.

    ``text`` is null where the log knows a notice whose text is not here (a restored store).
    """

    __tablename__ = "notice"
    hash: str = _text(key=True)
    seq: int = _int()
    name: str = _text()
    version: str = _text()
    language: str = _text()
    purposes: str = _text()
    head: str = _text()
    at: int = _int()
    lapses: int | None = _int(null=True)
    text: str | None = _text(null=True)
    mac: bytes = _blob()


class Emergency(DataTable, table=True):
    """Who opened which permit for an emergency: a projection of the log, but for the reason."""

    __tablename__ = "emergency"
    seq: int = _int(key=True)
    permit: str = _text()
    policy: str = _text()
    who: str = _text()
    asked: int = _int()
    minutes: int = _int()
    commitment: str = _text()
    second: str = _text()
    confirmed: int = _int()
    until: int = _int()
    ended: int = _int()
    reason: bytes | None = _blob(null=True)
    mac: bytes = _blob()


class Duty(DataTable, table=True):
    """When a principal last acted in a role that the policy keeps apart from others."""

    __tablename__ = "duty"
    __table_args__ = (CLUSTERED,)
    who: str = _text(key=True)
    role: str = _text(key=True)
    at: int = _int()
    mac: bytes = _blob()


# --- audit -----------------------------------------------------------------------------


class AuditMeta(AuditTable, table=True):
    """Deployment id, schema version, log origin."""

    __tablename__ = "meta"
    key: str = _text(key=True)
    value: bytes = _blob()


class Record(AuditTable, table=True):
    """One leaf: the stored bytes are what is hashed. ``redo``: grounds are rebuilt from it."""

    __tablename__ = "record"
    __table_args__ = (
        Index(
            "record_redo",
            "log",
            "seq",
            sqlite_where=text("redo = 1"),
            postgresql_where=text("redo = 1"),
        ),
    )
    log: int = _int(key=True)
    seq: int = _int(key=True)
    ts: int = _int()
    redo: int = _int()
    body: bytes = _blob()
    leaf: bytes = _blob()


class Tile(AuditTable, table=True):
    """A complete tile of 256 hashes (C2SP tlog-tiles)."""

    __tablename__ = "tile"
    log: int = _int(key=True)
    level: int = _int(key=True)
    idx: int = _int(key=True)
    hashes: bytes = _blob()


class LogHead(AuditTable, table=True):
    """Size, frontier and signed checkpoint of a log, replaced at every commit."""

    __tablename__ = "head"
    log: int = _int(key=True)
    size: int = _int()
    frontier: bytes = _blob()
    note: bytes = _blob()
    ts: int = _int()


class Checkpoint(AuditTable, table=True):
    """Signed checkpoints kept for good, one a minute at most."""

    __tablename__ = "checkpoint"
    log: int = _int(key=True)
    size: int = _int(key=True)
    ts: int = _int()
    note: bytes = _blob()


class AnchorState(AuditTable, table=True):
    """How far each anchor is, and since when it failed; the truth is what the anchor holds."""

    __tablename__ = "anchor"
    name: str = _text(key=True)
    size: int = _int()
    ts: int = _int()
    note: bytes = _blob()
    failures: int = _int()
    failed_at: int = _int()
    reason: str = _text()


class Shard(AuditTable, table=True):
    """A closed range of the log, and whether its bodies may go: sealed, dropping, dropped."""

    __tablename__ = "shard"
    number: int = _int(key=True)
    first: int = _int()
    upto: int = _int()
    sealed: int = _int()
    newest: int = _int()
    note: bytes = _blob()
    state: str = _text()
    gone: int = _int()


class Single(AuditTable, table=True):
    """Index: this subject is in the set of this record (sets of up to 64)."""

    __tablename__ = "single"
    __table_args__ = (CLUSTERED,)
    sno: int = _int(key=True)
    seq: int = _int(key=True)


class SetChunk(AuditTable, table=True):
    """A chunk of 65,536 ordinals of a larger record's subject set."""

    __tablename__ = "set_chunk"
    chunk: int = _int(key=True)
    seq: int = _int(key=True)
    bits: bytes = _blob()
