"""What the life of the stores asks for: rotations, restores, anchors, shards."""

import sqlalchemy as sa
from alembic import op

from privet.db.guards import APPEND_ONLY, SHARDED, not_emptied, only_shards_go

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables of anchors and of shards; let the bodies of a dropped shard go."""
    op.create_table(
        "anchor",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "shard",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.BigInteger(), nullable=False),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("gone", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    for table in SHARDED:
        for statement in only_shards_go(op.get_bind().dialect.name, table):
            op.execute(statement)
    for table in APPEND_ONLY:
        for statement in not_emptied(op.get_bind().dialect.name, table):
            op.execute(statement)
