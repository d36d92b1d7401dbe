"""What a receiver is told of a run's end: the order of one delivery's next try. Pure."""

from __future__ import annotations

from datetime import datetime

from libs.contracts.artifacts import Blob
from libs.contracts.facts import Fact, JobCompleted
from libs.contracts.jobs import State
from libs.contracts.tasks import Notify, TellableFile
from services.ingest.events import MANIFEST, VOICEOVER, files_path, video_path
from services.ingest.state import RunState
from services.ingest.webhooks.records import Event, Target

EVENT_OF: dict[State, Event] = {
    State.COMPLETED: "job_completed",
    State.FAILED: "job_failed",
    State.CANCELLED: "job_cancelled",
}


def order_of(state: RunState, ending: Fact, target: Target, now: datetime) -> Notify:
    """The body of the task that tells this target, with the secrets that sign now."""
    job_id, error = state.brief.job_id, state.error
    done = ending.body if isinstance(ending.body, JobCompleted) else None
    files = files_path(job_id)
    narrated = state.brief.given.script is not None
    clips = sorted(state.clips.items()) if done else []
    return Notify(
        webhook_id=target.webhook_id,
        url=target.url,
        event=EVENT_OF[state.stage],
        timestamp=ending.at,
        status=state.stage.value,
        video_path=video_path(job_id, narrated=narrated) if done and done.video else "",
        error_code=error.code if error else "",
        error_message=error.message if error else "",
        run_id=target.run_id,
        video=done.video if done else None,
        videos=tuple(TellableFile(path=f"{files}/clips/{scene}.mp4", blob=clip.blob) for scene, clip in clips),
        images=tuple(TellableFile(path=f"{files}/{name}", blob=blob) for name, blob in _images(done, narrated)),
        voiceover=_file(f"{files}/{VOICEOVER}", done.voiceover if done else None),
        manifest=_file(f"{files}/{MANIFEST}", done.manifest if done else None),
        secrets=target.secrets(now),
        strict=target.strict,
        kind=state.brief.kind,
    )


def _file(path: str, blob: Blob | None) -> TellableFile | None:
    return TellableFile(path=path, blob=blob) if blob is not None else None


def _images(done: JobCompleted | None, narrated: bool) -> list[tuple[str, Blob]]:
    """Those of the scenes in their order where something is told; else poster and contact sheet."""
    if done is None:
        return []
    if narrated:
        return [(f"images/{one.scene_id}.jpg", one.blob) for one in done.images]
    named = (("poster.jpg", done.poster), ("sheet.jpg", done.sheet))
    return [(name, blob) for name, blob in named if blob is not None]
