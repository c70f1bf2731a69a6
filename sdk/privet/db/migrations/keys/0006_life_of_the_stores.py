"""What the life of the stores asks for: rotations, restores, anchors, shards."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Change nothing yet."""
