"""What is known of one run: its order, the tries of each task, and how it ended. Immutable.

Everything else (stage, results, notices, error) is computed from these, so it can't disagree with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from libs.contracts.analysis import Notice
from libs.contracts.announcements import BudgetScope
from libs.contracts.artifacts import Blob
from libs.contracts.codes import CODES
from libs.contracts.facts import (
    DeliveryAttempted,
    Fact,
    FactBody,
    JobCancelled,
    JobCompleted,
    JobFailed,
    SceneConformed,
    ScoreRendered,
    SoundtrackMixed,
    SourceFetched,
    StillRendered,
    StoryboardPlanned,
    TakeRendered,
    TaskAttemptFailed,
    TrackAnalyzed,
    VideoComposed,
    VoiceRendered,
    WorkFact,
)
from libs.contracts.jobs import State
from libs.contracts.storyboard import Clip, Shot
from libs.contracts.tasks import AHEAD, Narrated
from libs.money.amounts import Micros
from services.ingest.brief import Brief
from services.ingest.money.purse import Purse
from services.ingest.webhooks.records import Target

DONE_BY: dict[str, type[WorkFact]] = {
    "fetch": SourceFetched,
    "analyze": TrackAnalyzed,
    "voice": VoiceRendered,
    "score": ScoreRendered,
    "plan": StoryboardPlanned,
    "imagine": StillRendered,
    "animate": TakeRendered,
    "mix": SoundtrackMixed,
    "conform": SceneConformed,
    "compose": VideoComposed,
    "notify": DeliveryAttempted,
}
"""The fact that says that a task of this kind is done."""

STAGE_OF: dict[str, State] = {
    "analyze": State.ANALYZING,
    "voice": State.ANALYZING,
    "score": State.ANALYZING,
    "plan": State.PLANNING,
    "imagine": State.GENERATING,
    "animate": State.GENERATING,
    "compose": State.COMPOSING,
}
"""The stage that a task belongs to, in the order of the pipeline. A notify task belongs to none, and neither does
what is done ahead of its stage."""

STAGES: tuple[State, ...] = tuple(dict.fromkeys(STAGE_OF.values()))
"""The stages that tasks belong to, in order."""

CHARGED_TO: dict[str, State] = {**STAGE_OF, **dict.fromkeys(AHEAD, State.COMPOSING)}
"""The stage whose cost a task is."""

W = TypeVar(
    "W",
    SourceFetched,
    TrackAnalyzed,
    VoiceRendered,
    ScoreRendered,
    StoryboardPlanned,
    StillRendered,
    TakeRendered,
    VideoComposed,
    DeliveryAttempted,
)


def kind_of(task: str) -> str:
    """The kind in a task's key: animate.s003 is an animate."""
    return task.partition(".")[0]


def scene_of(task: str) -> str:
    """The scene, place or still in a task's key: both animate.s003 and animate.s003.2 are of s003."""
    return task.split(".")[1] if "." in task else ""


def letter_of(job_id: str, run: int, key: str, attempt: int) -> str:
    """The id of the dead letter of a try."""
    return f"{job_id}/{run}/{key}/{attempt}"


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What the pictures follow: a song, or the voice that reads a script."""

    sound: Blob
    analysis: Blob
    narrated: Narrated | None = None
    """Set for a voice."""


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """That an attempt was ordered. Only the ledger orders, so these have an order of their own."""

    seq: int
    """Counts the orders of the run from 1."""
    at: datetime
    anew: bool = False
    """What earlier attempts made is lost or wanted again: they count neither as results nor as tries."""
    ceiling: Micros | None = None
    """What it may cost; None: nothing holds it back."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a task, and what is known of it. Facts may come before the order, or twice."""

    number: int
    ordered: Ordered | None = None
    done: Fact | None = None
    failed: Fact | None = None


class TaskState(msgspec.Struct, frozen=True, kw_only=True):
    """A task and its tries, by number."""

    key: str
    attempts: Mapping[int, Attempt]

    @property
    def ordered(self) -> list[tuple[Attempt, Ordered]]:
        """The tries that were ordered, oldest first."""
        return [(try_, try_.ordered) for _, try_ in sorted(self.attempts.items()) if try_.ordered is not None]

    @property
    def floor(self) -> Attempt | None:
        """The newest try that was ordered anew; those before it don't count."""
        return next((try_ for try_, order in reversed(self.ordered) if order.anew), None)

    @property
    def winner(self) -> Fact | None:
        """The result that counts: any success wins over failures, the lowest try over the later ones."""
        if len(self.attempts) == 1:  # nearly always, and asked for every scene at every fact
            return next(try_.done for try_ in self.attempts.values())
        floor = self.floor.number if self.floor else 0
        return next(
            (
                try_.done
                for number, try_ in sorted(self.attempts.items())
                if number >= floor and try_.done is not None
            ),
            None,
        )


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job."""

    brief: Brief
    run: int
    opened_at: datetime
    tasks: Mapping[str, TaskState] = msgspec.field(default_factory=dict)
    ending: Fact | None = None
    """The terminal fact."""
    given_up: frozenset[str] = frozenset()
    """Message ids of the tries that have become dead letters."""
    targets: tuple[Target, ...] = ()
    """Who is told of the end; known once it has ended."""
    admitted: bool = True
    """False while it waits for its turn."""
    clips_at_once: int = 0
    """The most stills and clips that are ordered and not answered; 0: all that are due."""
    purse: Purse = Purse()
    """What it may still spend, as of this transaction."""
    lacks: Micros = 0
    """What the next task needs that there is no money for now; 0: nothing is lacking."""
    paused: BudgetScope | None = None
    """The cap that has to be raised before it can go on."""

    def task(self, key: str) -> TaskState:
        """The task of this key, known or not."""
        return self.tasks.get(key) or TaskState(key=key, attempts={})

    def result(self, key: str, kind: type[W]) -> W | None:
        """What a finished task came to, or None."""
        body = self.outcome(key)
        return body if isinstance(body, kind) else None

    def outcome(self, key: str) -> FactBody | None:
        """What the task came to, of whatever kind. What was given counts until it is ordered anew."""
        task = self.task(key)
        if task.ordered or key not in self.brief.given.made:
            return task.winner.body if task.winner is not None else None
        return self.brief.given.made[key]

    def concluded(self, key: str) -> bool:
        """Whether the task is done, or given up and not ordered again since: nothing more will come of it."""
        task = self.task(key)
        last = [letter_of(self.brief.job_id, self.run, key, try_.number) for try_, _ in task.ordered[-1:]]
        return self.outcome(key) is not None or not self.given_up.isdisjoint(last)

    @property
    def stage(self) -> State:
        """The furthest stage that was ordered; making something lost again is no step back."""
        if self.ending is not None:
            return ENDINGS[type(self.ending.body)]
        if self.paused is not None:
            return State.AWAITING_FEEDBACK
        entered = {STAGE_OF.get(kind_of(key)) for key, task in self.tasks.items() if task.ordered}
        return next((stage for stage in reversed(STAGES) if stage in entered), State.QUEUED)

    @property
    def runs(self) -> bool:
        """Whether it takes up a place among those that run: it has not ended, and waits for nothing but tasks."""
        return self.ending is None and not self.waits_for

    @property
    def waits_for(self) -> str:
        """What keeps it from going on that is none of its tasks: its "turn", "money", or nothing."""
        if self.ending is not None:
            return ""
        return "turn" if not self.admitted else "money" if self.lacks else ""

    @property
    def entered(self) -> dict[State, datetime]:
        """When the first task of each stage was ordered."""
        times: dict[State, datetime] = {}
        for key, task in self.tasks.items():
            stage = STAGE_OF.get(kind_of(key))
            for _, order in task.ordered[:1]:
                if stage is not None:
                    times[stage] = min(times.get(stage, order.at), order.at)
        return {stage: times[stage] for stage in STAGES if stage in times}

    @property
    def order(self) -> Brief:
        """The brief, with the files once they are fetched, and the music once it is made. The title of a song under
        a voice is not the video's."""
        brief, fetched = self.brief, self.result("fetch", SourceFetched)
        if self.scored:
            made = self.result("score", ScoreRendered)
            brief = msgspec.structs.replace(brief, song=made.sound if made is not None else None)
        if fetched is None:
            return brief
        title = brief.options.title or ("" if brief.given.script else fetched.title)
        return msgspec.structs.replace(
            brief,
            song=brief.song or fetched.song,
            image=brief.image or fetched.image,
            duration=brief.duration or fetched.duration,
            options=msgspec.structs.replace(brief.options, title=title),
        )

    @property
    def scored(self) -> bool:
        """Whether the music under the voice is made, and not sent."""
        brief = self.brief
        return brief.given.script is not None and brief.song is None and bool(brief.options.music)

    @property
    def heard(self) -> Heard | None:
        """The song once it is analyzed; or the voice once it has spoken, and the music under it is analyzed."""
        song, track = self.order.song, self.result("analyze", TrackAnalyzed)
        if self.brief.given.script is None:
            return Heard(sound=song, analysis=track.analysis) if track is not None and song is not None else None
        voice = self.result("voice", VoiceRendered)
        if voice is None or (track is None and (song is not None or self.scored)):
            return None
        narrated = Narrated(
            narration=voice.narration,
            voiceover=voice.voiceover,
            bed=song,
            bed_analysis=track.analysis if track is not None else None,
        )
        return Heard(sound=voice.sound, analysis=voice.analysis, narrated=narrated)

    def shot(self, key: str) -> Shot | None:
        """What was asked for with an animate task; None while the storyboard is not known."""
        wanted = self.brief.given.takes.get(key)
        if wanted is not None:
            return wanted.shot
        board = self.result("plan", StoryboardPlanned)
        return next((shot for shot in board.shots if shot.scene.id == scene_of(key)), None) if board else None

    @property
    def takes(self) -> dict[str, TakeRendered]:
        """The take that counts of each scene that has one. The storyboard may not be known yet."""
        keys = [key for key in (*self.brief.given.made, *self.tasks) if kind_of(key) == "animate"]
        takes = {key: self.result(key, TakeRendered) for key in keys}
        return {scene_of(key): take for key, take in takes.items() if take is not None}

    @property
    def clips(self) -> dict[str, Clip]:
        """The clips of these takes."""
        return {scene_id: take.clip for scene_id, take in self.takes.items()}

    @property
    def scenes(self) -> tuple[int, int]:
        """Finished scenes and all scenes; (0, 0) until the storyboard is planned. A job for takes counts these."""
        wanted = self.brief.given.takes
        if self.brief.kind == "takes":
            return sum(self.result(key, TakeRendered) is not None for key in wanted), len(wanted)
        board = self.result("plan", StoryboardPlanned)
        if board is None:
            return 0, 0
        clips = self.clips
        return sum(shot.scene.id in clips for shot in board.shots), len(board.shots)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Those of the order and its files, then those of the analysis, the voice and the plan, each once."""
        made = (
            self.result("fetch", SourceFetched),
            self.result("analyze", TrackAnalyzed),
            self.result("voice", VoiceRendered),
            self.result("plan", StoryboardPlanned),
        )
        told = (notice for one in made if one is not None for notice in one.notices)
        return tuple(dict.fromkeys((*self.brief.notices, *told)))

    @property
    def failures(self) -> Iterator[tuple[str, int, TaskAttemptFailed]]:
        """Every failed try that was ordered: key, number, failure."""
        for key, task in self.tasks.items():
            for try_, _ in task.ordered:
                if try_.failed is not None and isinstance(try_.failed.body, TaskAttemptFailed):
                    yield key, try_.number, try_.failed.body

    @property
    def error(self) -> JobFailed | None:
        """Why the run ended without a video."""
        match self.ending.body if self.ending else None:
            case JobFailed() as failed:
                return failed
            case JobCancelled(reason=reason):
                return JobFailed(code="job_cancelled", message=reason or CODES["job_cancelled"].title)
            case _:
                return None


ENDINGS: dict[type, State] = {
    JobCompleted: State.COMPLETED,
    JobCancelled: State.CANCELLED,
    JobFailed: State.FAILED,
}
"""The state that each terminal fact leads to; of two, the one that stands first here counts."""
