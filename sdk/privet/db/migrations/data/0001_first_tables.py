"""The first tables of the data store."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "cell",
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dom", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("grp", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lapses", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ct", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sno", "dom", "seq", "grp"),
        sqlite_with_rowid=False,
    )
    op.create_index("cell_lapses", "cell", ["lapses"], unique=False)
    op.create_table(
        "contribution",
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lineage", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ct", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sno", "model", "lineage"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fence",
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("sno"),
    )
    op.create_table(
        "ground",
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sno", "purpose"),
        sqlite_with_rowid=False,
    )
    op.create_index("ground_lapse", "ground", ["purpose", "expires"], unique=False)
    op.create_table(
        "ground_delta",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("chunk", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("active", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "chunk", "seq", "sno"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ground_epoch",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("purpose"),
    )
    op.create_table(
        "ground_set",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("chunk", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bits", sa.LargeBinary(), nullable=False),
        sa.Column("upto", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "chunk"),
    )
    op.create_table(
        "head",
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dom", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ver", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ct", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sno", "dom"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "item",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("code", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_item_code"), "item", ["code"], unique=False)
    op.create_table(
        "layout",
        sa.Column("grp", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("grp"),
    )
    op.create_table(
        "ledger",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("seen", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("commitment", sa.Text(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ledger_subject", "ledger", ["sno", "purpose", "seq"], unique=False)
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "model",
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lineage", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("slice", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("subjects", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("deadline", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model", "version"),
    )
    op.create_table(
        "model_live",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("served", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("purpose", "name"),
    )
    op.create_table(
        "model_page",
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("part", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ct", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model", "version", "part"),
    )
    op.create_table(
        "notice",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "segment_member",
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ct", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sno", "model"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "segment_figures",
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lineage", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model"),
    )
    op.create_table(
        "removal",
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lineage", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("cause", "model", "lineage"),
    )
    op.create_table(
        "model_gone",
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("model", "version"),
    )
    op.create_table(
        "request",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("received", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_request_sno"), "request", ["sno"], unique=False)
    op.create_table(
        "run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("lease", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
