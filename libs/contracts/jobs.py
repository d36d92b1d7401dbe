"""Jobs as clients and the ledger speak of them: options, states, stages and their weights."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Literal

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.looks import catalogue, families, looks_by_name

Aspect = Literal["16:9", "9:16", "1:1", "4:5"]
LyricsStyle = Literal["auto", "captions", "line", "stack", "sweep", "none"]
"""How given lyrics are shown: as captions, as type that belongs to the picture, or not at all."""

JobKind = Literal["full", "storyboard", "takes", "export"]
"""What is ordered over a project: the video from whatever is there, its plan, takes of single scenes, or the video
from the takes that were chosen."""

Priority = Literal["interactive", "batch"]
"""Whether a person waits for it at the screen, or it can take its time."""

COMPOSING: frozenset[JobKind] = frozenset({"full", "export"})
"""Kinds of jobs that end with a video."""

MAX_PROMPT_CHARS = 4000
MAX_MUSIC_CHARS = 1000


class State(StrEnum):
    """Where a run is. The last three end it and absorb all that comes later."""

    QUEUED = "queued"
    ANALYZING = "analyzing"
    PLANNING = "planning"
    GENERATING = "generating"
    REVIEWING = "reviewing"
    AWAITING_FEEDBACK = "awaiting_feedback"
    COMPOSING = "composing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True for the states that end a run."""
        return self in (State.COMPLETED, State.FAILED, State.CANCELLED)


STAGE_WEIGHTS: dict[State, float] = {
    State.ANALYZING: 4,
    State.PLANNING: 1,
    State.GENERATING: 80,
    State.COMPOSING: 15,
}
"""Share of the whole, in percent, of each stage that takes time; in order. The one table for progress.

Measured on a minute of song at 1280x720 on two cores: 2, 0.05, 18 and 34 seconds.
"""


def percent_of(state: State, fraction: float) -> float:
    """Percent of the whole when `fraction` (0..1) of the stage `state` is done."""
    if state is State.COMPLETED:
        return 100.0
    done = 0.0
    for stage, weight in STAGE_WEIGHTS.items():
        if stage is state:
            return done + weight * min(max(fraction, 0.0), 1.0)
        done += weight
    return 0.0


STYLES = ("auto", *families(), *looks_by_name())
"""What may be asked for as `style`: `auto`, a family of looks, or one look."""


def check_style(style: str) -> None:
    """Raises Permanent("bad_options") for a style that there isn't."""
    if style not in STYLES:
        raise Permanent("bad_options", f"There is no style {style!r}; the styles are {', '.join(STYLES)}.")


def check_means(style: str, *, picture: bool, title: bool, lyrics: bool) -> None:
    """Raises Permanent("bad_options") for a style none of whose looks can be drawn with what was sent.

    A look that needs a subject is let through: whether the picture has one shows when it is looked at, and
    another look stands in where it has none.
    """
    here = {"picture": picture, "subject": picture, "text": title or lyrics, "words": lyrics}
    wanting = [
        [need for need in entry.needs if not here[need]]
        for entry in catalogue()
        if style in (entry.name, entry.family)
    ]
    if not wanting or not all(wanting):
        return
    if all("picture" in needs or "subject" in needs for needs in wanting):
        raise Permanent(
            "bad_options",
            f"The style {style!r} shows a theme picture, and none was sent.",
            hint="Send a picture too, or choose another style.",
        )
    given = "lyrics" if all("words" in needs for needs in wanting) else "lyrics or a title"
    raise Permanent(
        "bad_options",
        f"The style {style!r} writes words, and there are none.",
        hint=f"Send {given} too, or choose another style.",
    )


Height = Annotated[int, msgspec.Meta(ge=96, le=2160)]
"""The shorter side in pixels; odd values are rounded up to even."""

FrameRate = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3}|/[0-9]{1,4})?$")]
"""Frames a second: "30", "29.97" or "30000/1001"; 10 to 60."""


class JobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked for besides the files. Rides in tasks, so an older service ignores what it doesn't know;
    the front door refuses it."""

    prompt: Annotated[str, msgspec.Meta(max_length=MAX_PROMPT_CHARS)] = ""
    style: Annotated[str, msgspec.Meta(max_length=40)] = "auto"
    """One of `STYLES`."""
    aspect: Aspect = "16:9"
    height: Height = 1080
    fps: FrameRate = "30"
    clip_seconds: Literal[4, 8, 12] | None = None
    """How long scenes should be; None: as the song asks."""
    performance_density: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    """Share of the scenes in which somebody performs the song."""
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None
    """None: chosen when the job is accepted, and recorded."""
    captions: bool = True
    """Show the given lyrics. False is the same as `lyrics_style` none."""
    lyrics_style: LyricsStyle = "auto"
    preview: bool = False
    """A small animatic of the same plan, quickly."""
    fill: bool = True
    """Draw the scenes that no GPU server could make, as long as three are made as they were wanted. False: then the
    job fails."""
    lossless_audio: bool = False
    """Copy a FLAC song into the video as it is, instead of AAC."""
    title: Annotated[str, msgspec.Meta(max_length=200)] = ""
    voice: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """Of a script: the voice that speaks it, by its name; empty: that of the settings."""
    speed: Annotated[float, msgspec.Meta(ge=0.5, le=2)] = 1.0
    """Of a script: how fast it is spoken; 1 is the voice's own pace."""
    music: Annotated[str, msgspec.Meta(max_length=MAX_MUSIC_CHARS)] = ""
    """Of a script: the music that GPU servers make to lie under the voice, in words; empty: none is made."""
    callback_url: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    priority: Priority = "batch"
    """What somebody waits for at the screen goes before the rest of their jobs. Takes always do."""
    budget_cap_usd: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    """What the job may cost, in the currency of the settings. None: as the settings say."""


ASPECTS: dict[str, Fraction] = {
    "16:9": Fraction(16, 9),
    "9:16": Fraction(9, 16),
    "1:1": Fraction(1),
    "4:5": Fraction(4, 5),
}
"""Width over height of each aspect that can be asked for."""
