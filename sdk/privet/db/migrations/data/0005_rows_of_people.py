"""A row a leaf in the ledger, a row a person in the grounds: learnt again from the log.

Both are projections of the log, under a key that no migration has: they begin empty, and the
next opening replays every leaf.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables anew, and the log's first leaf the next one that is applied."""
    op.drop_table("ledger")
    op.drop_table("ground")
    op.create_table(
        "ledger",
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sno", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("ledger_leaf", "ledger", ["seq"], unique=True)
    op.create_table(
        "ground",
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("pending", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sno"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ground_pending",
        "ground",
        ["sno"],
        unique=False,
        sqlite_where=sa.text("pending = 1"),
        postgresql_where=sa.text("pending = 1"),
    )
    for table in ("ground_delta", "ground_set"):
        op.execute(f"DELETE FROM {table}")
    op.execute("DELETE FROM meta WHERE key IN ('applied_seq', 'ground_bases')")
