"""What makes clips: the port that backends implement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from libs.contracts.storyboard import Shot

Progress = Callable[[float, str], None]
"""Told how far the work is: 0..1 and a few words for people."""


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
    """Small, ten pictures a second, encoded fast; width and height are those of the whole video."""
    out: Path
    """Where the clip goes; in a scratch folder that the caller removes."""


@dataclass(frozen=True, kw_only=True)
class RenderedClip:
    """A clip that was written to the order's `out`."""

    frames: int
    """Frames written, as counted by the writer."""
    seed: int
    cpu_seconds: float
    cost: float = 0.0
    """In the currency of the budget; 0 for what runs on our own machine."""


class Backend(Protocol):
    """Renders shots. The name and version are part of each result's key: raise the version when pictures change."""

    @property
    def name(self) -> str:
        """A stable slug."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the same order would give other frames."""
        ...

    async def render(self, order: ClipOrder, progress: Progress) -> RenderedClip:
        """Write the clip of `order`. Cancelling the await ends all that it started.

        Raises Retryable and Permanent of `libs.contracts.errors`, nothing else on purpose.
        """
        ...

    async def check(self) -> None:
        """Readiness: raises Retryable when no shot could be rendered now."""
        ...
