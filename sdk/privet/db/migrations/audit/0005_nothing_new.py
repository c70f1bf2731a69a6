"""Nothing changes in the audit store: its revision keeps step with the other two."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Change nothing."""
