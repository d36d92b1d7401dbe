"""What clients of a project are told: the data of each of its server-sent events.

All are rows, written in the transaction of what they tell, and numbered within the project.
"""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Annotated

import msgspec
from msgspec import Meta

from libs.contracts.jobs import JobKind, State
from services.ingest import events
from services.ingest.narration import Told
from services.ingest.projects.bodies import ProjectView, View
from services.ingest.state import RunState


class ProjectEvent(View, frozen=True, kw_only=True):
    """Something has changed in a project."""

    version: Annotated[int, Meta(description="The project's version then.")] = 0
    at: Annotated[datetime, Meta(description="When, with its offset from UTC.")]


class ProjectChanged(ProjectEvent, frozen=True, kw_only=True):
    """The project has a new version: somebody changed what it says, its scenes or its characters."""


class ScenesChanged(ProjectEvent, frozen=True, kw_only=True):
    """The storyboard is another one: read scenes and timeline anew."""


class CharactersChanged(ProjectEvent, frozen=True, kw_only=True):
    """A character was added, changed or taken away."""


class TakeReady(ProjectEvent, frozen=True, kw_only=True):
    """A take was made."""

    scene_id: Annotated[str, Meta(description="The scene.")]
    take_id: Annotated[int, Meta(description="The take, as its URL names it.")]
    job_id: Annotated[str, Meta(description="The job that made it.")]


class TakeChosen(ProjectEvent, frozen=True, kw_only=True):
    """A scene shows another take."""

    scene_id: Annotated[str, Meta(description="The scene.")]
    take_id: Annotated[int, Meta(description="The take, as its URL names it.")]


class JobUpdate(ProjectEvent, frozen=True, kw_only=True):
    """A job over the project entered a stage, or has one more scene."""

    job_id: Annotated[str, Meta(description="The job.")]
    kind: Annotated[JobKind, Meta(description="What the job makes.")]
    run: Annotated[int, Meta(description="Number of the run, from 1.")]
    status: Annotated[State, Meta(description="The stage in work.")]
    scenes_done: Annotated[int, Meta(description="Scenes of the job that have their take.")]
    scenes_total: Annotated[int, Meta(description="0 until the storyboard is planned.")]


class JobEnded(ProjectEvent, frozen=True, kw_only=True):
    """A job over the project has ended."""

    job_id: Annotated[str, Meta(description="The job.")]
    kind: Annotated[JobKind, Meta(description="What the job makes.")]
    run: Annotated[int, Meta(description="Number of the run, from 1.")]
    status: Annotated[State, Meta(description="`completed`, `failed` or `cancelled`.")]
    code: Annotated[str, Meta(description="A stable slug of `docs/errors.md`; empty when it ended well.")] = ""


class ExportReady(ProjectEvent, frozen=True, kw_only=True):
    """A video of the project was finished."""

    export_id: Annotated[int, Meta(description="The export, as its URL names it.")]
    job_id: Annotated[str, Meta(description="The job.")]


class OutputExpiring(ProjectEvent, frozen=True, kw_only=True):
    """A video of the project will be removed."""

    export_id: Annotated[int, Meta(description="The export, as its URL names it.")]
    job_id: Annotated[str, Meta(description="The job that made it.")]
    expires_at: Annotated[datetime, Meta(description="When it goes, at the earliest.")]


class ProjectSnapshot(View, frozen=True, kw_only=True):
    """The whole project, for a newcomer and a client whose last event is gone."""

    last_event: Annotated[int, Meta(description="Number of the last event that this includes.")]
    project: Annotated[ProjectView, Meta(description="The project, as in `GET /api/v1/projects`.")]


EVENTS: MappingProxyType[str, type[ProjectEvent]] = MappingProxyType(
    {
        "project_changed": ProjectChanged,
        "scenes_changed": ScenesChanged,
        "characters_changed": CharactersChanged,
        "take_ready": TakeReady,
        "take_chosen": TakeChosen,
        "job_update": JobUpdate,
        "job_ended": JobEnded,
        "export_ready": ExportReady,
        "output_expiring": OutputExpiring,
    }
)
"""By name."""
NAMES: MappingProxyType[type[ProjectEvent], str] = MappingProxyType({kind: name for name, kind in EVENTS.items()})


def job_news(state: RunState, told: list[Told]) -> list[ProjectEvent]:
    """What clients of the project are told of what clients of its job are told."""
    news: list[ProjectEvent] = []
    job_id, kind = state.brief.job_id, state.brief.kind
    for _, body in told:
        match body:
            case events.StageUpdate():
                update = JobUpdate(
                    job_id=job_id,
                    kind=kind,
                    run=body.run,
                    status=body.status,
                    scenes_done=body.scenes_done,
                    scenes_total=body.scenes_total,
                    at=body.at,
                )
                news.append(update)
            case events.Completed():
                news.append(JobEnded(job_id=job_id, kind=kind, run=body.run, status=State.COMPLETED, at=body.at))
            case events.Failed():
                failed = JobEnded(
                    job_id=job_id, kind=kind, run=body.run, status=body.status, code=body.code, at=body.at
                )
                news.append(failed)
    return news


def named(event: ProjectEvent, version: int) -> tuple[str, bytes]:
    """Name and data of an event, with the project's version."""
    return NAMES[type(event)], msgspec.json.encode(msgspec.structs.replace(event, version=version))
