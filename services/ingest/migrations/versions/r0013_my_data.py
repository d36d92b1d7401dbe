"""What users take away, and what they have deleted."""

from __future__ import annotations

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Forward."""
