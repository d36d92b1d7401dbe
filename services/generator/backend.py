"""What makes stills and clips: the port that backends implement."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.storyboard import Shot, Still


@dataclass(frozen=True, kw_only=True)
class StillOrder:
    """A reference still to make, with its input as a local file."""

    still: Still
    image: Path | None
    """The theme picture, as the user sent it."""
    out: Path
    """Where the picture goes; in a scratch folder that the caller removes."""


@dataclass(frozen=True, kw_only=True)
class RenderedStill:
    """A picture without metadata that was written to the order's `out`."""

    media_type: str
    seed: int
    backend: str
    workflow: str
    fallback: bool = False
    """As of a RenderedClip."""


@dataclass(frozen=True, kw_only=True)
class ClipOrder:
    """A shot to render, with its inputs as local files."""

    shot: Shot
    fps: str
    """A fraction as text."""
    width: int
    height: int
    analysis: Path
    """The analysis as JSON."""
    image: Path | None
    """The theme picture, as the user sent it."""
    preview: bool
    """Small, six pictures a second, encoded fast; width and height are those of the whole video."""
    out: Path
    """Where the clip goes; in a scratch folder that the caller removes."""
    still: Path | None = None
    """What the clip begins with, where it is made of a picture; goes before the theme picture."""
    song: Blob | None = None
    """Fetched only by what moves to the sound."""
    interim: bool = False
    """Whether all of the clip is encoded once more."""
    fill: bool = True
    """Whether the builtin renderer may stand in for GPU servers."""
    drawn: bool = False
    """Whether only the builtin renderer can make it: models can't write."""


@dataclass(frozen=True, kw_only=True)
class RenderedClip:
    """A clip that was written to the order's `out`."""

    frames: int
    """Frames written, as counted by the writer."""
    seed: int
    cpu_seconds: float
    backend: str = "builtin"
    """What made it in the end."""
    workflow: str = ""
    """The workflow that made it on a GPU server."""
    fallback: bool = False
    """True when what was wanted has failed before: then it is not kept for later requests of the same."""


class Backend(Protocol):
    """Makes stills and renders shots.

    The name and version are part of each result's key: raise the version when pictures change.
    """

    @property
    def name(self) -> str:
        """A stable slug."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the same order would give other frames."""
        ...

    async def imagine(self, order: StillOrder, context: TaskContext) -> RenderedStill:
        """Make the still of `order`. Cancelled and raising as `render`; Permanent where it makes none at all."""
        ...

    async def render(self, order: ClipOrder, context: TaskContext) -> RenderedClip:
        """Write the clip of `order`. Cancelling the await ends all that it started; what runs on other machines is
        left to whoever goes on with the task, unless its run has ended.

        Raises Retryable and Permanent of `libs.contracts.errors`, nothing else on purpose.
        """
        ...

    async def check(self) -> None:
        """Readiness: raises Retryable when no shot could be rendered now."""
        ...
