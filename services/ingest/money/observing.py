"""From a fact to what can be learned of it: which work it was, how much of it, and what it took. Pure."""

from __future__ import annotations

import math

from libs.contracts.errors import JobCancelled
from libs.contracts.facts import (
    Fact,
    ScoreRendered,
    StillRendered,
    StoryboardPlanned,
    TakeRendered,
    TaskAttemptFailed,
    VoiceRendered,
)
from libs.media.frames import parse_fps
from libs.money.amounts import micros_of
from libs.money.prices import Prices
from services.ingest.money.figures import FigureKind, Observation, size_class
from services.ingest.state import RunState, kind_of, scene_of

KINDS: dict[str, FigureKind] = {"animate": "animate", "imagine": "imagine", "voice": "voice", "score": "score"}
LONGEST_NAME = 120
OWN = "own"
"""The backend of a person's own clip, which is only fitted."""


def observation_of(state: RunState, fact: Fact, prices: Prices, *, drawn: bool) -> Observation | None:
    """What is to be learned of a fact of this run; None: nothing.

    drawn: whether clips that were drawn without a GPU count, since others are made with one. Nothing is learned of
    what was found, of previews, and of work that was called off.
    """
    kind, usage, body = KINDS.get(kind_of(fact.task)), fact.usage, fact.body
    used = usage.gpu_seconds > 0 or (drawn and isinstance(body, TakeRendered) and body.backend != OWN)
    if kind is None or usage.reused or state.brief.options.preview or not (used and _sound(usage.gpu_seconds)):
        return None
    if isinstance(body, TaskAttemptFailed) and body.code == JobCancelled().code:
        return None
    return Observation(
        kind=kind,
        workflow=_maker(fact)[:LONGEST_NAME],
        size=_size(state, fact.task),
        units=_units(state, fact),
        gpu_seconds=usage.gpu_seconds,
        cost=micros_of(usage.cost) if _sound(usage.cost) else 0,
        dearest=round(usage.gpu_seconds * prices.dearest(fact.at) / 3600),
        at=fact.at,
    )


def _sound(number: float) -> bool:
    return math.isfinite(number) and 0 <= number < 1e9


def _maker(fact: Fact) -> str:
    match fact.body:
        case TakeRendered() | StillRendered() | ScoreRendered():
            return fact.body.workflow or fact.body.backend
        case VoiceRendered(backend=backend):
            return backend
        case _:
            return ""


def _size(state: RunState, key: str) -> str:
    board = state.result("plan", StoryboardPlanned)
    if board is None or kind_of(key) not in ("animate", "imagine"):
        return ""
    if kind_of(key) == "animate":
        return size_class(board.width, board.height)
    still = next((one for one in board.stills if one.id == scene_of(key)), None)
    return size_class(still.width, still.height) if still is not None else ""


def _units(state: RunState, fact: Fact) -> float:
    """How much was made."""
    match fact.body:
        case TakeRendered():
            board, shot = state.result("plan", StoryboardPlanned), state.shot(fact.task)
            if board is None or shot is None:
                return 0.0
            return (shot.scene.end_frame - shot.scene.start_frame) / float(parse_fps(board.fps))
        case StillRendered():
            return 1.0
        case VoiceRendered():
            return float(fact.usage.characters)
        case ScoreRendered(seconds=seconds):
            return seconds if _sound(seconds) else 0.0
        case _:
            return 0.0
