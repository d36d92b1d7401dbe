"""A job's facts, as workers would send them, without any bytes behind them."""

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec

from libs.contracts.analysis import Notice
from libs.contracts.artifacts import Blob
from libs.contracts.facts import (
    DeliveryAttempted,
    Fact,
    FactBody,
    SceneConformed,
    ScoreRendered,
    SoundtrackMixed,
    StillRendered,
    StoryboardPlanned,
    TakeRendered,
    TaskAttemptFailed,
    TrackAnalyzed,
    Usage,
    VideoComposed,
    VoiceRendered,
    WorkFact,
)
from libs.contracts.jobs import JobOptions
from libs.contracts.storyboard import Clip, Shot, Still
from services.ingest.brief import Brief
from services.ingest.records import NewJob
from services.ingest.state import RunState
from services.ingest.webhooks.records import Target
from tests.storyboards import shot

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def blob(name: str) -> Blob:
    """A blob whose digest comes from its name."""
    return Blob(sha256=hashlib.sha256(name.encode()).hexdigest(), size=len(name), media_type="text/plain")


SONG = blob("song")


def brief(job_id: str = "j1", callback_url: str = "") -> Brief:
    """What was ordered."""
    options = JobOptions(seed=7, callback_url=callback_url)
    return Brief(job_id=job_id, owner="local", options=options, song=SONG, duration=30.0)


def new_run(callback_url: str = "") -> RunState:
    """A run in which nothing has been ordered; the one at the callback URL is told of its end."""
    callback = Target(task="notify", webhook_id="msg_j1_1", url=callback_url)
    targets = (callback,) if callback_url else ()
    return RunState(brief=brief(callback_url=callback_url), run=1, opened_at=NOW, targets=targets)


def new_job(callback_url: str = "") -> NewJob:
    """An order."""
    options = JobOptions(seed=7, callback_url=callback_url)
    notice = Notice(code="truncated_song", message="The file ends early.")
    return NewJob(owner="local", options=options, song=SONG, song_name="a song", duration=30.0, notices=(notice,))


def result(task: str, *, scenes: int = 3, make: str = "") -> WorkFact:
    """What a task comes to. make: another one gives other bytes."""
    kind, _, scene = task.partition(".")
    match kind:
        case "analyze":
            notice = Notice(code="no_beats", message="No beats.")
            return TrackAnalyzed(
                analysis=blob("analysis" + make), duration=30.0, bpm=120.0, sections=1, notices=(notice,)
            )
        case "plan":
            shots = tuple(shot(number) for number in range(1, scenes + 1))
            return StoryboardPlanned(
                storyboard=blob("board" + make), fps="30", frames=30 * scenes, width=320, height=180, shots=shots
            )
        case "voice" | "score" | "imagine" | "animate":
            return _rendered(kind, scene, make)
        case "mix" | "conform":
            return SoundtrackMixed(copied=False) if kind == "mix" else SceneConformed(scene_id=scene, encoded=1)
        case "compose":
            return VideoComposed(
                video=blob("video" + make),
                report=blob("report" + make),
                poster=blob("poster" + make),
                frames=30 * scenes,
                duration=float(scenes),
                sheet=blob("sheet" + make),
            )
        case _:
            return DeliveryAttempted(webhook_id="w", status=204)


def spoken(make: str = "") -> VoiceRendered:
    """What a script comes to."""
    return VoiceRendered(
        sound=blob("voice" + make),
        voiceover=blob("voiceover" + make),
        narration=blob("narration" + make),
        analysis=blob("heard voice" + make),
        duration=12.0,
        sentences=4,
        made=4,
        voice="a voice",
        backend="piper",
        notices=(Notice(code="words_unspoken", message="2 words."),),
    )


def _rendered(kind: str, name: str, make: str) -> WorkFact:
    if kind == "voice":
        return spoken(make)
    if kind == "score":
        sound = blob("score" + make)
        return ScoreRendered(sound=sound, seconds=15.0, workflow="ace-step", backend="comfyui", seed=7)
    if kind == "imagine":
        return StillRendered(still_id=name, blob=blob(f"still {name}{make}"), backend="comfyui", seed=1)
    clip = Clip(scene_id=name, lead=0, frames=30, blob=blob(f"clip {name}{make}"))
    return TakeRendered(clip=clip, backend="builtin", seed=1)


def fact(
    task: str, body: FactBody, *, attempt: int = 1, run: int = 1, after_s: float = 0.0, job_id: str = "j1"
) -> Fact:
    """That this happened."""
    at = NOW + timedelta(seconds=after_s)
    usage = Usage(wall_seconds=1.0, cpu_seconds=0.5)
    return Fact(job_id=job_id, run=run, task=task, attempt=attempt, at=at, body=body, usage=usage)


def still(name: str) -> Still:
    """A still of this id."""
    return Still(id=name, prompt=name, negative_prompt="", seed=1, width=320, height=180)


def pictured(number: int, name: str) -> Shot:
    """The shot of a scene that names a still."""
    plain = shot(number)
    return msgspec.structs.replace(plain, scene=msgspec.structs.replace(plain.scene, still=name))


def with_stills(*names: str) -> Fact:
    """A plan of scenes that name these stills, "" for none."""
    shots = tuple(pictured(number, name) if name else shot(number) for number, name in enumerate(names, 1))
    stills = tuple(still(name) for name in sorted({*names} - {""}))
    return fact("plan", msgspec.structs.replace(result("plan"), shots=shots, stills=stills))


def done(task: str, *, attempt: int = 1, make: str = "", run: int = 1, job_id: str = "j1") -> Fact:
    """That a task is done."""
    return fact(task, result(task, make=make), attempt=attempt, run=run, job_id=job_id)


def broke(
    task: str,
    *,
    attempt: int = 1,
    code: str = "unexpected",
    retryable: bool = True,
    retry_after: float | None = None,
    missing: str = "",
    run: int = 1,
    job_id: str = "j1",
) -> Fact:
    """That a try failed."""
    body = TaskAttemptFailed(
        code=code,
        message=f"{task} broke.",
        retryable=retryable,
        retry_after=retry_after,
        missing=missing,
        detail="traceback",
    )
    return fact(task, body, attempt=attempt, run=run, job_id=job_id)


TASKS = ("analyze", "plan", "animate.s001", "animate.s002", "animate.s003", "compose")
"""The tasks that a job of three scenes waits for, in order."""

FIRST = ["analyze", "mix"]
"""The tasks that a new job orders."""
