"""The port that voice engines implement: a sentence in, its sound and the times of its words out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from libs.bus.handler import Bill, TaskContext

Sound = npt.NDArray[np.float32]
"""Mono samples, -1..1, of shape (samples,)."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A sentence to say."""

    text: str
    words: tuple[str, ...]
    """The same as its caption shows it, word by word."""
    voice: str
    """A voice's name; empty: that of the settings."""
    speed: float
    """1: the voice's own pace."""
    language: str
    """ISO 639-1; empty: that of the voice."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """When a word is heard."""

    start: float
    """Seconds from the first sample; so is `end`."""
    end: float
    spoken: bool = True
    """False: the voice can't say it, and its time is guessed."""


@dataclass(frozen=True, kw_only=True)
class Speech:
    """A sentence as it was said, without silence before and after it."""

    sound: Sound
    rate: int
    """Hz."""
    words: tuple[Heard, ...] | None
    """One for each of the line's words; None: the engine doesn't know, and they have to be aligned."""
    bill: Bill = field(default_factory=Bill)
    """What it has cost; on the task's account already."""


class Voice(Protocol):
    """Speaks sentences, one at a time. Name and version are part of each result's key."""

    @property
    def name(self) -> str:
        """A stable slug: piper, openai, comfyui."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the same sentence would be spoken otherwise: with the engine's code, and its model."""
        ...

    def named(self, voice: str) -> str:
        """The full name of the voice that this one stands for, part of each result's key. Raises
        Permanent("voice_unknown"), telling which there are."""
        ...

    def language(self, voice: str) -> str:
        """The language (ISO 639-1) that a voice speaks; empty where it speaks any."""
        ...

    async def say(self, line: Line, context: TaskContext) -> Speech:
        """Say it. Cancelling the await ends all that it started.

        A line of which no word can be said comes back with no samples. Raises Retryable (voice_unavailable,
        voice_failed, timeout) and Permanent (with BudgetExceeded), nothing else on purpose.
        """
        ...

    async def check(self) -> None:
        """Readiness: raises Retryable("voice_unavailable") when nothing could be said now."""
        ...
