"""What the life of the stores asks for: rotations, restores, anchors, shards."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Room for the key before a renewed one; say which index a suppression is made from."""
    op.create_table(
        "former_key",
        sa.Column("sno", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dom", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gen", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kek_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("kc", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sno", "dom"),
    )
    op.add_column(
        "suppressed",
        sa.Column("ver", sa.BigInteger(), nullable=False, server_default="1"),
    )
