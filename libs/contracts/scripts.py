"""A script and its narration: what is to be said, and when what was said is heard. Documented, versioned JSON."""

from __future__ import annotations

from typing import Annotated

import msgspec

from libs.contracts.jobs import MAX_PROMPT_CHARS

SCRIPT_VERSION = 1
NARRATION_VERSION = 1

MAX_SCRIPT_CHARS = 200_000
MAX_PROMPTS = 1000

Prompt = Annotated[str, msgspec.Meta(max_length=MAX_PROMPT_CHARS)]


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants to have told, as it was sent."""

    version: int = SCRIPT_VERSION
    text: str
    prompts: tuple[Prompt, ...] = ()
    """What the scenes show, in order; the planner writes those that are missing."""
    language: str = ""
    """ISO 639-1; empty: that of the voice."""


class SpokenWord(msgspec.Struct, frozen=True, kw_only=True):
    """A word of a sentence, as its caption shows it."""

    text: str
    start: float
    """Seconds from the sentence's first sample, to the millisecond; so is `end`."""
    end: float
    spoken: bool = True
    """False: the voice can't say it; its time is guessed."""


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence in the narration. It has a slot of whole frames, which ends with the pause after it."""

    text: str
    paragraph: int
    """Counted from 0."""
    start_frame: int
    """Of its slot, within the narration. Its first sample is heard there."""
    frames: int
    """Of the whole slot."""
    speech_s: float
    """Seconds from its first sample to its last, or for how long its words are shown where none can be said; what
    follows is pause."""
    samples: int
    """That the engine made of it, at the engine's rate; 0: nothing is heard."""
    rate: int
    """The engine's, in Hz."""
    words: tuple[SpokenWord, ...]


class Narration(msgspec.Struct, frozen=True, kw_only=True):
    """All that is said. The slots touch, in order, from `lead_frames` to `frames`."""

    version: int = NARRATION_VERSION
    fps: str
    """A fraction as text."""
    frames: int
    lead_frames: int = 0
    """Before the first slot: where the title card stands."""
    language: str
    voice: str
    """Its name."""
    backend: str
    """The engine: piper, openai or comfyui."""
    sentences: tuple[Sentence, ...]
