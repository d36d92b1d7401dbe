"""What a task or a job will take, before it runs: GPU seconds and money. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from libs.contracts.jobs import JobOptions
from libs.contracts.tasks import Animate, Imagine, Score, TaskBody, Voice
from libs.media.frames import parse_fps
from libs.money.amounts import Micros
from libs.money.prices import AHEAD_S
from services.ingest.money.figures import FigureKind, Figures, size_class

__all__ = ["Estimate", "Figures", "JobEstimate", "estimate_job", "estimate_task"]

BUFFER = 0.2
"""What an estimate of a job is increased by, and of a task at least."""
SPREADS = 2.0
"""A single task may take as many times the usual spread more than the mean before its ceiling stops it."""
STILLS = 4
"""The most reference stills of a job."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What work will take."""

    gpu_seconds: float = 0.0
    cost: Micros = 0
    characters: int = 0
    """That a voice speaks."""

    def __add__(self, other: Estimate) -> Estimate:
        """Both."""
        return Estimate(
            gpu_seconds=self.gpu_seconds + other.gpu_seconds,
            cost=self.cost + other.cost,
            characters=self.characters + other.characters,
        )

    def increased(self, by: float) -> Estimate:
        """So much more of GPU seconds and money, as a part of it."""
        cost = math.ceil(self.cost * (1 + by))
        return msgspec.structs.replace(self, gpu_seconds=self.gpu_seconds * (1 + by), cost=cost)


class JobEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a job will take: each kind of task by itself as expected, and all of it with the buffer."""

    kinds: Mapping[str, Estimate] = MappingProxyType({})

    @property
    def total(self) -> Estimate:
        """With the buffer."""
        return sum(self.kinds.values(), Estimate()).increased(BUFFER)


def estimate_task(body: TaskBody, figures: Figures) -> Estimate:
    """What one task may take: its ceiling. Rather too much, so that the ceiling stops only what is unusual.

    Nothing for what no server does. A script is taken as if none of it had been spoken before.
    """
    match body:
        case Animate(preview=False, clip=None):
            scene = body.shot.scene
            seconds = (scene.end_frame - scene.start_frame) / float(parse_fps(body.fps))
            found = _work("animate", seconds, figures, size_class(body.width, body.height))
        case Imagine():
            found = _work("imagine", 1, figures, size_class(body.still.width, body.still.height))
        case Voice():
            found = _spoken(body.script.size, figures)  # of UTF-8 and JSON: never fewer than characters
        case Score():
            found = _work("score", body.seconds, figures)
        case _:
            return Estimate()
    if not found.gpu_seconds:
        return found
    margin = max(BUFFER, SPREADS * figures.spread(_KINDS[type(body)]))
    ahead = Estimate(gpu_seconds=AHEAD_S, cost=figures.at_most(AHEAD_S))
    return found.increased(margin) + ahead


_KINDS: dict[type, FigureKind] = {Animate: "animate", Imagine: "imagine", Voice: "voice", Score: "score"}


def estimate_job(
    seconds: float,
    options: JobOptions,
    figures: Figures,
    *,
    characters: int = 0,
    score_s: float = 0.0,
    size: tuple[int, int] | None = None,
    stills: int | None = None,
) -> JobEstimate:
    """What a video will take of which so many seconds are made.

    characters: that are spoken. score_s: seconds of music that are made, where the options ask for any. size: the
    video's, in pixels; None: as the options say. stills: None: as many as there may be.
    """
    kinds = {"voice": _spoken(characters, figures)}
    if options.music:
        kinds["score"] = _work("score", score_s, figures)
    if not options.preview:
        sizes = size_class(*(size or (options.height, options.height)))
        if stills is None:
            stills = STILLS if figures.seen("imagine") or not figures.seen("animate") else 0
        kinds["imagine"] = _work("imagine", stills, figures, sizes)
        kinds["animate"] = _work("animate", seconds, figures, sizes)
    return JobEstimate(kinds={kind: found for kind, found in kinds.items() if found != Estimate()})


def _work(kind: FigureKind, units: float, figures: Figures, size: str = "") -> Estimate:
    gpu_seconds = units * figures.mean(kind, size)
    return Estimate(gpu_seconds=gpu_seconds, cost=figures.money(gpu_seconds))


def _spoken(characters: int, figures: Figures) -> Estimate:
    served = Estimate(cost=figures.prices.of_characters(characters), characters=characters)
    return _work("voice", characters, figures) + served
