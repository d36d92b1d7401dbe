"""Tasks: orders for one piece of work. A task names its inputs as references, never as bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from libs.contracts.announcements import BudgetNews, OutputNews
from libs.contracts.artifacts import Blob
from libs.contracts.characters import Character
from libs.contracts.jobs import JobOptions
from libs.contracts.storyboard import Clip, Shot, Still

Priority = Literal["high", "low"]


class Fetch(msgspec.Struct, frozen=True, kw_only=True, tag="fetch"):
    """Get the files that an order names by their address. Done: `source.fetched`."""

    audio_url: str = ""
    """Empty: there is no song, or it was sent."""
    image_url: str = ""
    options: JobOptions = JobOptions()
    """What has to fit to the files."""
    lyrics: bool = False
    """Whether lyrics were given."""
    picture: bool = False
    """Whether a picture was given."""


class Analyze(msgspec.Struct, frozen=True, kw_only=True, tag="analyze"):
    """Hear the song. Done: `track.analyzed`."""

    song: Blob
    lyrics: Blob | None = None


class Voice(msgspec.Struct, frozen=True, kw_only=True, tag="voice"):
    """Speak a script. Done: `voice.rendered`."""

    script: Blob
    """A `Script` as JSON."""
    options: JobOptions
    """Of these, what the sound depends on: voice, speed, fps, and whether a title needs time before the first
    word."""
    ceiling: float | None = None
    """What it may cost, in the currency of the budget; None: as the settings say. No part of the result's key."""


class Score(msgspec.Struct, frozen=True, kw_only=True, tag="score"):
    """Make the music under a voice. Done: `score.rendered`."""

    prompt: str
    seconds: float
    """As long as it should be. What makes it may have a limit: then it is shorter."""
    seed: int
    ceiling: float | None = None
    """What it may cost, in the currency of the budget; None: as the settings say. No part of the result's key."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag="plan"):
    """Direct the video. Done: `storyboard.planned`."""

    analysis: Blob
    """Of the song, or of the narration."""
    options: JobOptions
    seed: int
    image: Blob | None = None
    characters: tuple[Character, ...] = ()
    narration: Blob | None = None
    """What is said, as JSON; None: nothing is narrated."""
    script: Blob | None = None
    """What was sent to be said, with the prompts of scenes."""
    bed: Blob | None = None
    """The analysis of the music under the voice."""


class Imagine(msgspec.Struct, frozen=True, kw_only=True, tag="imagine"):
    """Make a reference still. Done: `still.rendered`."""

    still: Still
    image: Blob | None = None
    """The theme picture, or that of the character who is seen, to be taken as a reference."""
    ceiling: float | None = None
    """What it may cost, in the currency of the budget; None: as the settings say. No part of the result's key."""


class Animate(msgspec.Struct, frozen=True, kw_only=True, tag="animate"):
    """Make the clip of one shot. Done: `take.rendered`."""

    shot: Shot
    analysis: Blob
    fps: str
    width: int
    height: int
    image: Blob | None = None
    preview: bool = False
    """Small, six pictures a second, encoded fast: what `JobOptions.preview` asks for."""
    still: Blob | None = None
    """What the clip begins with, where it is made of a picture; goes before the theme picture."""
    song: Blob | None = None
    """For performances, which move to their part of it. It says nothing that the analysis doesn't, and is no part
    of the result's key."""
    fill: bool = True
    """See `JobOptions.fill`."""
    ceiling: float | None = None
    """What it may cost, in the currency of the budget; None: as the settings say. No part of the result's key."""
    clip: Blob | None = None
    """The person's own clip: it is fitted to the shot, and nothing is drawn."""
    interim: bool = False
    """All of the clip is encoded once more, since captions lie over it: it is encoded quickly, and larger."""
    own_clock: bool = False
    """Time begins with the clip: what it shows does not depend on where in the video it lies. So are the scenes of
    a narrated video."""


class Takes(msgspec.Struct, frozen=True, kw_only=True):
    """The scenes that were made in one way."""

    backend: str
    workflow: str = ""
    """On a GPU server."""
    fallback: bool = False
    """True when another way was wanted, and failed."""
    scenes: int
    """How many."""
    scene_ids: tuple[str, ...] = ()
    """Which, in their order."""


class StageUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage has cost so far."""

    stage: str
    wall_seconds: float
    cpu_seconds: float
    gpu_seconds: float = 0.0
    """On GPU servers, attempts that gave nothing included."""
    cost: float = 0.0
    """Of these, in the currency of the budget."""
    takes: tuple[Takes, ...] = ()
    """Of the stage that makes them."""


class Narrated(msgspec.Struct, frozen=True, kw_only=True):
    """What a narrated video has besides its voice."""

    narration: Blob
    voiceover: Blob
    """The voice as MP3."""
    bed: Blob | None = None
    """The music under the voice."""
    bed_analysis: Blob | None = None
    """What is heard in it, so that it is repeated from bar to bar; None: as a whole."""


class Compose(msgspec.Struct, frozen=True, kw_only=True, tag="compose"):
    """Cut the clips to the song. Done: `video.composed`."""

    song: Blob
    analysis: Blob
    storyboard: Blob
    clips: tuple[Clip, ...]
    options: JobOptions
    usage: tuple[StageUsage, ...] = ()
    """For the report; does not change the picture and is no part of the result's key. That of `composing` is what
    was done ahead."""
    narrated: Narrated | None = None
    """Then `song` is the voice."""


class Mix(msgspec.Struct, frozen=True, kw_only=True, tag="mix"):
    """Make the video's soundtrack of the song, ahead of `compose`. Done: `soundtrack.mixed`."""

    song: Blob
    options: JobOptions
    narrated: Narrated | None = None
    """Then `song` is the voice."""


class Conform(msgspec.Struct, frozen=True, kw_only=True, tag="conform"):
    """Encode what a scene's clip doesn't hold as the video shows it, ahead of `compose`. Done: `scene.conformed`.

    That is the crossfade into the scene, captions, and all of a clip that another encoder made.
    """

    scene_id: str
    analysis: Blob
    storyboard: Blob
    clips: tuple[Clip, ...]
    """The scene's own, and that of the scene before when the two crossfade."""
    options: JobOptions
    narrated: Narrated | None = None
    """Then captions light up with the voice, and the scene's picture is kept."""


class TellableFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a job has made, as receivers of webhooks are told of it."""

    path: str
    """On the API."""
    blob: Blob


class Notify(msgspec.Struct, frozen=True, kw_only=True, tag="notify"):
    """Call a webhook. Done: `delivery.attempted`."""

    webhook_id: str
    """The same over all tries."""
    url: str
    event: Literal[
        "job_completed", "job_failed", "job_cancelled", "budget_warning", "budget_paused", "output_expiring", "ping"
    ]
    timestamp: datetime
    status: str
    video_path: str = ""
    """The download's path on the API, when there is one."""
    error_code: str = ""
    error_message: str = ""
    run_id: str = ""
    """The client's own name of the run; empty: its number is told."""
    video: Blob | None = None
    """What is downloaded there."""
    videos: tuple[TellableFile, ...] = ()
    """The clips, in order of their scenes."""
    images: tuple[TellableFile, ...] = ()
    """Of a narrated video those of its scenes, else poster and contact sheet."""
    voiceover: TellableFile | None = None
    """Of a narrated video, as is the manifest."""
    manifest: TellableFile | None = None
    secrets: tuple[str, ...] = ()
    """Sealed with the key of the settings; each of them signs. Empty: the notifier's own secret signs."""
    strict: bool = False
    """Only the answer `{"received": true}` counts as taken."""
    kind: str = "full"
    """That of the job."""
    budget: BudgetNews | None = None
    """Of `budget_warning` and `budget_paused`: all that is said. So is the next of `output_expiring`."""
    output: OutputNews | None = None


TaskBody = Fetch | Analyze | Voice | Score | Plan | Imagine | Animate | Mix | Conform | Compose | Notify
TaskKind = Literal[
    "fetch", "analyze", "voice", "score", "plan", "imagine", "animate", "mix", "conform", "compose", "notify"
]
TASK_KINDS: tuple[TaskKind, ...] = (
    "fetch",
    "analyze",
    "voice",
    "score",
    "plan",
    "imagine",
    "animate",
    "mix",
    "conform",
    "compose",
    "notify",
)

AHEAD: frozenset[TaskKind] = frozenset({"mix", "conform"})
"""Kinds that only spare `compose` work: it finds what they made, and makes what it doesn't find."""

RUN_INDEPENDENT: frozenset[TaskKind] = frozenset({"notify"})
"""Kinds that go on after their run has ended."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """An order: `body` says what, the rest says for whom and which try it is."""

    job_id: str
    run: int
    task: str
    """Natural key within the run: fetch, analyze, voice, score, mix, plan, imagine.p1, animate.s003
    (animate.s003.2 for one of several takes), conform.s003, compose, notify."""
    attempt: int
    """From 1. Counted by the ledger; a redelivery is not an attempt."""
    owner: str
    """The user whose results may be reused."""
    body: TaskBody
    priority: Priority = "low"

    @property
    def kind(self) -> TaskKind:
        """The body's kind, which chooses the stream's subject."""
        kind: TaskKind = self.body.__struct_config__.tag  # type: ignore[assignment]
        return kind

    @property
    def message_id(self) -> str:
        """`Nats-Msg-Id`: the stream swallows a second publication of the same attempt."""
        return f"{self.job_id}/{self.run}/{self.task}/{self.attempt}"
