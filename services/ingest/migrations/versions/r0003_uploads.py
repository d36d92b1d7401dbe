"""Uploads that wait for their job or project."""

from __future__ import annotations

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Forward."""
