"""What was ordered: the same for every run of a job. Immutable."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from libs.contracts.analysis import Notice
from libs.contracts.artifacts import Blob
from libs.contracts.characters import Character
from libs.contracts.facts import SceneImage, ScoreRendered, TrackAnalyzed, VoiceRendered, WorkFact
from libs.contracts.jobs import JobKind, JobOptions
from libs.contracts.storyboard import Shot
from libs.contracts.tasks import Fetch


def blobs_in(value: object) -> Iterator[Blob]:
    """Every blob that a struct refers to, at any depth."""
    if isinstance(value, Blob):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from blobs_in(getattr(value, name))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from blobs_in(item)
    elif isinstance(value, dict):
        yield from blobs_in(tuple(value.values()))


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A take that somebody asked for by itself."""

    shot: Shot
    image: Blob | None = None
    """The person's own picture, in place of the theme picture."""
    clip: Blob | None = None
    """The person's own clip: it is fitted to the shot, and nothing is drawn."""
    show: bool = False
    """Whether the scene is to show it at once, in place of what it shows."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a narrated project tells, and how."""

    script: Blob
    """A `Script` as JSON."""
    voice: str = ""
    """As it was asked for; so are `speed`, `title` and `music_prompt`."""
    speed: float = 1.0
    title: str = ""
    music_prompt: str = ""
    """Of the music under the voice; empty: none is made."""
    spoken: VoiceRendered | None = None
    """What its storyboard follows, without its sentences."""
    score: ScoreRendered | None = None
    """The music that was made."""
    music: TrackAnalyzed | None = None
    """What is heard in the music under the voice."""

    @classmethod
    def of(cls, script: Blob, options: JobOptions) -> Told:
        """What is told with these options, before it is spoken."""
        return cls(
            script=script, voice=options.voice, speed=options.speed, title=options.title, music_prompt=options.music
        )

    @property
    def made(self) -> dict[str, WorkFact]:
        """What was heard, as results of their tasks."""
        found = {"voice": self.spoken, "score": self.score, "analyze": self.music}
        return {key: fact for key, fact in found.items() if fact is not None}


class NarratedFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has made that only narrated videos have."""

    voiceover: Blob | None = None
    manifest: Blob | None = None
    images: tuple[SceneImage, ...] = ()


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What the project had when the job was ordered."""

    song: Blob | None = None
    storyboard: Blob | None = None


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a job begins with, besides its files."""

    made: dict[str, WorkFact] = {}
    """Task key to what came of it before: analyze, voice, plan, animate.s003. Such a task is done."""
    takes: dict[str, Wanted] = {}
    """Task key to the take that is to be made in a way of its own: `animate.<scene>.<number>` for one that was
    asked for by itself, `animate.<scene>` for the one that a video needs."""
    characters: tuple[Character, ...] = ()
    source: Fetch | None = None
    """Where the files are to be had that were not sent."""
    script: Blob | None = None
    """What is to be narrated: a `Script` as JSON. The song is the music under the voice then, if there is one."""
    basis: Basis | None = None
    """None: the job has made its project."""


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """What was ordered. The same for every run of a job."""

    job_id: str
    owner: str
    kind: JobKind = "full"
    options: JobOptions
    given: Given = Given()
    song: Blob | None
    """None: to be fetched, or there is only a script."""
    lyrics: Blob | None = None
    image: Blob | None = None
    duration: float
    notices: tuple[Notice, ...] = ()

    @property
    def uploads(self) -> frozenset[str]:
        """Digests of what the user sent or has edited: nobody can make it again."""
        own = (self.song, self.lyrics, self.image, self.given.script)
        heard = self.given.made.get("analyze") if self.given.script is None else None
        edited = (heard, self.given.made.get("plan"))
        sent = (one for take in self.given.takes.values() for one in (take.image, take.clip))
        people = (character.picture for character in self.given.characters)
        return frozenset(blob.sha256 for each in (*own, *edited, *sent, *people) for blob in blobs_in(each))
