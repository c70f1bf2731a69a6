"""The first tables of the keys store."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "domain",
        sa.Column("dom", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("hold", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dom"),
    )
    op.create_table(
        "epoch",
        sa.Column("kek_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wraps", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("destroy_after", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("kek_id"),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "model_key",
        sa.Column("model", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kek_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("kc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model", "version"),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ver", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kek_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("kc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", "ver"),
    )
    op.create_table(
        "subject_key",
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dom", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gen", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kek_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("kc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sno", "dom"),
    )
    op.create_table(
        "subject_ref",
        sa.Column("tag", sa.LargeBinary(), nullable=False),
        sa.Column("ver", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("held", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tag"),
    )
    op.create_index(op.f("ix_subject_ref_sno"), "subject_ref", ["sno"], unique=False)
    op.create_table(
        "suppressed",
        sa.Column("tag", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tag"),
    )
