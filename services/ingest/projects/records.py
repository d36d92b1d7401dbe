"""What goes into the ledger of a project, and what is read out of it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from libs.contracts.artifacts import Blob
from libs.contracts.jobs import State
from libs.contracts.projects import ProjectSettings
from services.ingest.brief import Told


class NewProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project that is to be. It may get its song later."""

    owner: str
    title: str
    settings: ProjectSettings
    """With the seed filled in."""
    song: Blob | None = None
    song_name: str = ""
    lyrics: Blob | None = None
    image: Blob | None = None
    duration: float = 0.0
    """Seconds of song, as probed; 0 without one."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What all jobs of a project have cost so far."""

    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    cost: float = 0.0
    """In the currency of the budget."""


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project as it stands."""

    id: str
    owner: str
    title: str
    settings: ProjectSettings
    version: int
    """Counts what people change."""
    song: Blob | None
    song_name: str
    lyrics: Blob | None
    image: Blob | None
    duration: float
    analysis: Blob | None
    storyboard: Blob | None
    told: Told | None = None
    """What is narrated; None: the video follows a song."""
    created_at: datetime
    updated_at: datetime
    scenes: int
    """Of its storyboard; 0 until there is one."""
    scenes_shown: int
    """Those that have a take to show."""
    job_id: str | None
    """The newest job over it."""
    state: State | None
    """That job's state."""
    last_used: datetime | None = None
    """When it was ordered over, edited, or opened at last; the latter to the day."""


class ProjectEventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event that clients of a project see. `number` counts from 1 within the project."""

    number: int
    name: str
    data: bytes
    """JSON: one of the structs of services.ingest.projects.events."""
