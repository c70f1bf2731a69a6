"""Nothing changes in the audit store: its revision keeps step with the other two."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Change nothing."""
