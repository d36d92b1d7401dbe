"""Facts: what happened, in the past tense. They are rows in the ledger, unique by
(job, run, task, attempt, name)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from libs.contracts.analysis import Notice
from libs.contracts.artifacts import Blob
from libs.contracts.storyboard import Clip, Shot, Still


class SourceFetched(msgspec.Struct, frozen=True, kw_only=True, tag="source.fetched"):
    """The files that the order named by their address are in the store, and can be used."""

    song: Blob | None = None
    """None: only a picture was to be fetched."""
    song_name: str = ""
    """As its address ends; for display."""
    duration: float = 0.0
    """Seconds, as probed; 0 without a song."""
    title: str = ""
    """By the file's tags."""
    image: Blob | None = None
    notices: tuple[Notice, ...] = ()


class TrackAnalyzed(msgspec.Struct, frozen=True, kw_only=True, tag="track.analyzed"):
    """The song has been heard."""

    analysis: Blob
    duration: float
    bpm: float
    sections: int
    notices: tuple[Notice, ...] = ()


class VoiceRendered(msgspec.Struct, frozen=True, kw_only=True, tag="voice.rendered"):
    """The script has been spoken."""

    sound: Blob
    """FLAC, 48 kHz, mono, -16 LUFS: what is heard, pauses included."""
    voiceover: Blob
    """The same as MP3."""
    narration: Blob
    """When each word is heard: a `Narration` as JSON."""
    analysis: Blob
    """The same as an `Analysis`: words, energy, paragraphs as sections; no beats."""
    duration: float
    sentences: int
    made: int
    """Of these, how many the voice was asked for; the others had been spoken before."""
    voice: str
    backend: str
    notices: tuple[Notice, ...] = ()
    spoken: tuple[Blob, ...] = ()
    """The sentences as the engine spoke them, named so that they are kept: none is spoken twice."""


class ScoreRendered(msgspec.Struct, frozen=True, kw_only=True, tag="score.rendered"):
    """The music under a voice has been made."""

    sound: Blob
    """As it was made, without metadata."""
    seconds: float
    """Of sound."""
    workflow: str
    backend: str
    seed: int


class StoryboardPlanned(msgspec.Struct, frozen=True, kw_only=True, tag="storyboard.planned"):
    """The video has been directed; each shot is to be made."""

    storyboard: Blob
    fps: str
    frames: int
    width: int
    height: int
    shots: tuple[Shot, ...]
    notices: tuple[Notice, ...] = ()
    stills: tuple[Still, ...] = ()
    """To be made before the shots that name them."""


class StillRendered(msgspec.Struct, frozen=True, kw_only=True, tag="still.rendered"):
    """A reference still is there."""

    still_id: str
    blob: Blob
    """A picture without metadata."""
    backend: str
    seed: int
    workflow: str = ""
    fallback: bool = False
    """True when another workflow was wanted, and failed."""


class TakeRendered(msgspec.Struct, frozen=True, kw_only=True, tag="take.rendered"):
    """A shot has become a clip."""

    clip: Clip
    backend: str
    seed: int
    workflow: str = ""
    """What made it on a GPU server."""
    fallback: bool = False
    """True when it was made by another means than was wanted, since that failed."""

    @property
    def filled(self) -> bool:
        """Whether it was drawn on the machine in place of what GPU servers could not make."""
        return self.fallback and self.backend == "builtin"


class SoundtrackMixed(msgspec.Struct, frozen=True, kw_only=True, tag="soundtrack.mixed"):
    """The video's sound is ready for `compose` to find."""

    copied: bool
    """True: it is the song's own packets, so that there was nothing to make."""


class SceneConformed(msgspec.Struct, frozen=True, kw_only=True, tag="scene.conformed"):
    """All segments of a scene are ready for `compose` to find."""

    scene_id: str
    encoded: int
    """How many of them are files of their own; the others lie in the clip."""


class SceneImage(msgspec.Struct, frozen=True, kw_only=True):
    """A frame of a scene, as a JPEG."""

    scene_id: str
    blob: Blob


class VideoComposed(msgspec.Struct, frozen=True, kw_only=True, tag="video.composed"):
    """The file is finished and has passed its checks."""

    video: Blob
    report: Blob
    poster: Blob
    frames: int
    duration: float
    sheet: Blob | None = None
    """The contact sheet."""
    manifest: Blob | None = None
    """Of a narrated video: what is told, shown and heard in each scene, as JSON."""
    images: tuple[SceneImage, ...] = ()
    """Of a narrated video: one of each scene."""


class DeliveryAttempted(msgspec.Struct, frozen=True, kw_only=True, tag="delivery.attempted"):
    """The receiver took the webhook."""

    webhook_id: str
    status: int
    """The HTTP status that it answered."""
    answer: str = ""
    """The beginning of its answer's body, 4 KB at most."""


class TaskAttemptFailed(msgspec.Struct, frozen=True, kw_only=True, tag="task.attempt_failed"):
    """One try of a task ended badly. The ledger decides whether there is another."""

    code: str
    message: str
    retryable: bool
    retry_after: float | None = None
    """Seconds that the cause asks to wait."""
    missing: str = ""
    """With the code `input_missing`: the digest of the blob that is gone."""
    detail: str = ""
    """For operators: the end of a tool's output, a traceback. Never shown to clients."""
    status: int = 0
    """Of a webhook: the HTTP status that its receiver answered; 0 without an answer."""
    answer: str = ""
    """Of a webhook: the beginning of the answer's body, 4 KB at most."""


class JobCompleted(msgspec.Struct, frozen=True, kw_only=True, tag="job.completed"):
    """The run ended well. Only jobs that compose have files to name."""

    video: Blob | None = None
    report: Blob | None = None
    poster: Blob | None = None
    sheet: Blob | None = None
    voiceover: Blob | None = None
    """Of a narrated video, as are the next two; the voice as MP3."""
    manifest: Blob | None = None
    images: tuple[SceneImage, ...] = ()


class JobFailed(msgspec.Struct, frozen=True, kw_only=True, tag="job.failed"):
    """The run ended badly."""

    code: str
    message: str
    task: str = ""


class JobCancelled(msgspec.Struct, frozen=True, kw_only=True, tag="job.cancelled"):
    """Somebody ended the run."""

    reason: str = ""


WorkFact = (
    SourceFetched
    | TrackAnalyzed
    | VoiceRendered
    | ScoreRendered
    | StoryboardPlanned
    | StillRendered
    | TakeRendered
    | SoundtrackMixed
    | SceneConformed
    | VideoComposed
    | DeliveryAttempted
)
"""What a handler may return: the task is done."""

FactBody = (
    SourceFetched
    | TrackAnalyzed
    | VoiceRendered
    | ScoreRendered
    | StoryboardPlanned
    | StillRendered
    | TakeRendered
    | SoundtrackMixed
    | SceneConformed
    | VideoComposed
    | DeliveryAttempted
    | TaskAttemptFailed
    | JobCompleted
    | JobFailed
    | JobCancelled
)


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt cost. `reused` means that its result existed and nothing was done."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    reused: bool = False
    gpu_seconds: float = 0.0
    """On GPU servers, attempts that gave nothing included."""
    cost: float = 0.0
    """In the currency of the budget, in whole millionths."""
    characters: int = 0
    """That a speech server or a workflow was asked to speak."""
    tokens: int = 0
    """Of a language model, those that it was given and those that it gave."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, and to which attempt of which task. Ingest's own facts have task ""."""

    job_id: str
    run: int
    task: str
    attempt: int
    at: datetime
    body: FactBody
    usage: Usage = Usage()

    @property
    def name(self) -> str:
        """noun.verb, as in the subject."""
        return str(self.body.__struct_config__.tag)

    @property
    def message_id(self) -> str:
        """`Nats-Msg-Id`, and the identity of the row."""
        return f"{self.job_id}/{self.run}/{self.task or 'job'}/{self.attempt}/{self.name}"
