"""What the life of the stores asks for: rotations, restores, anchors, shards.

The bitmaps of grounds are cut by the time at which each lapses. They, and all else that follows
from the log, begin empty, and the next opening replays every leaf.
"""

import sqlalchemy as sa
from alembic import op

from privet.db.guards import keeps_its_word

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what is new."""
    op.create_table(
        "ground_end",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("chunk", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("period", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("who", sa.LargeBinary(), nullable=False),
        sa.Column("ends", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "chunk", "period"),
    )
    op.create_table(
        "provenance",
        sa.Column("commitment", sa.Text(), nullable=False),
        sa.Column("ct", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("commitment"),
    )
    for table in ("ledger", "ground", "ground_delta", "ground_set"):
        op.execute(f"DELETE FROM {table}")
    op.execute("DELETE FROM meta WHERE key IN ('applied_seq', 'ground_bases')")
    for statement in keeps_its_word(op.get_bind().dialect.name):
        op.execute(statement)
