"""Nothing changes in the audit store: its revision keeps step with the other two."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Change nothing."""
