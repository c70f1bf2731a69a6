"""Every version of the policy is kept under its hash, with when it became the active one."""

import json

import sqlalchemy as sa
from alembic import op

from privet.db.guards import only_grows

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make both tables and move the documents of the active policy there."""
    op.create_table(
        "policy_version",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("documents", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "policy_activation",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    _move()
    for table in ("policy_version", "policy_activation"):
        for statement in only_grows(op.get_bind().dialect.name, table):
            op.execute(sa.text(statement))


def _move() -> None:
    bind = op.get_bind()
    found = bind.execute(sa.text("SELECT key, value FROM meta WHERE key LIKE 'policy%'"))
    rows = {str(key): bytes(value).decode() for key, value in found}
    active = rows.pop("policy", None)
    if active is None:
        return
    documents = {key.removeprefix("policy:"): text for key, text in rows.items()}
    version = {"hash": active, "documents": json.dumps(documents)}
    # What was active before is not known, nor since when: as far as this home can tell, always.
    always = {"hash": active, "detail": "{}"}
    put = "INSERT INTO policy_version (hash, documents) VALUES (:hash, :documents)"
    bind.execute(sa.text(put), version)
    put = "INSERT INTO policy_activation (seq, hash, at, detail) VALUES (-1, :hash, 0, :detail)"
    bind.execute(sa.text(put), always)
    bind.execute(sa.text("DELETE FROM meta WHERE key LIKE 'policy:%'"))
