"""What webhooks say that are about no run's end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

BudgetScope = Literal["job", "project", "month"]
"""What a cap holds for: one job, one project, or all that a user spends in a month."""


class BudgetNews(msgspec.Struct, frozen=True, kw_only=True):
    """How a budget stands. Amounts are in the currency of the settings."""

    scope: Annotated[BudgetScope, Meta(description="What the cap holds for.")]
    job_id: Annotated[str, Meta(description="The job that came to it.")]
    project_id: Annotated[str, Meta(description="The job's project.")]
    month: Annotated[str, Meta(description="Of `month`: which, as in `2026-11`; else empty.")] = ""
    cap: Annotated[float, Meta(description="What may be spent.")]
    spent: Annotated[float, Meta(description="What was spent.")]
    reserved: Annotated[float, Meta(description="What tasks that are under way may still spend.")]
    currency: Annotated[str, Meta(description="As in `USD`.")]


class OutputNews(msgspec.Struct, frozen=True, kw_only=True):
    """A finished video that will be deleted."""

    job_id: str
    project_id: str
    video_path: str
    """The download's path on the API."""
    expires_at: datetime
    """When it goes, at the earliest."""
