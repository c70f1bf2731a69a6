"""Nothing changes in the keys store: its revision keeps step with the other two."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Change nothing."""
