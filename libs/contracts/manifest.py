"""The manifest of a narrated video: what is told, shown and heard when. Documented, versioned JSON.

Times are seconds of the video, which are those of its voice. Files are named as they lie below the job's output.
"""

from __future__ import annotations

import msgspec

MANIFEST_VERSION = 1


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the output."""

    path: str
    """Below the output, as in `clips/s001.mp4`."""
    sha256: str
    size: int
    """Bytes."""


class ToldWord(msgspec.Struct, frozen=True, kw_only=True):
    """A word as the captions show it."""

    text: str
    start: float
    end: float
    spoken: bool = True
    """False: the voice can't say it; its time is guessed."""


class ToldScene(msgspec.Struct, frozen=True, kw_only=True):
    """A scene: frames start_frame (included) to end_frame (excluded)."""

    id: str
    start_frame: int
    end_frame: int
    start: float
    end: float
    text: str
    """What is said in it; empty for a title card."""
    words: tuple[ToldWord, ...]
    prompt: str
    look: str
    image: File
    """A frame of it, without captions."""
    clip: File
    """Its picture without captions and sound. It may begin before the scene and end after it."""
    clip_lead: int
    """Frames of the clip before the scene's first."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A narrated video."""

    version: int = MANIFEST_VERSION
    fps: str
    frames: int
    duration: float
    width: int
    height: int
    language: str
    voice: str
    """Its name."""
    backend: str
    """The voice's engine: piper, openai or comfyui."""
    captions: bool
    """Whether they are in the picture."""
    bed: bool
    """Whether there is music under the voice."""
    video: File
    voiceover: File
    """The voice alone, as MP3."""
    scenes: tuple[ToldScene, ...]
