"""What a person sees while a video is made: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TextIO

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text

PLAIN_SECONDS = 10.0
"""Without a terminal, a line is written this often at least..."""
PLAIN_PERCENT = 10.0
"""... or when this much more is done."""

STAGE_WORDS = {
    "queued": "Waiting",
    "analyzing": "Listening",
    "planning": "Planning",
    "generating": "Drawing scenes",
    "reviewing": "Reviewing",
    "awaiting_feedback": "Waiting for feedback",
    "composing": "Composing",
    "completed": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


SPEAKING = {"analyzing": "Speaking"}
"""What else a stage is called where a script is told."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown at a moment."""

    stage: str = "queued"
    percent: float = 0.0
    doing: str = ""
    seconds_left: float | None = None
    narrated: bool = False

    @property
    def words(self) -> str:
        """The stage, for people."""
        told = STAGE_WORDS | SPEAKING if self.narrated else STAGE_WORDS
        return told.get(self.stage, self.stage)


def advance(
    before: Shown,
    *,
    stage: str | None = None,
    percent: float | None = None,
    doing: str = "",
    seconds_left: float | None = None,
) -> Shown:
    """The next moment. Percent never falls; without a new guess of the time, none is shown."""
    return Shown(
        stage=stage or before.stage,
        percent=max(before.percent, min(percent, 100.0)) if percent is not None else before.percent,
        doing=doing,
        seconds_left=seconds_left,
        narrated=before.narrated,
    )


def clock(seconds: float | None) -> str:
    """`about 1:05 left`; empty without a guess."""
    if seconds is None:
        return ""
    whole = max(round(seconds), 1)
    return f"about {whole // 60}:{whole % 60:02d} left"


def plain_line(shown: Shown) -> str:
    """One line for a log: ` 42 %  Drawing scenes: scene 7 of 15, about 1:05 left`."""
    rest = ", ".join(part for part in (shown.doing, clock(shown.seconds_left)) if part)
    return f"{shown.percent:3.0f} %  {shown.words}{': ' if rest else ''}{rest}"


class Display(Protocol):
    """Where progress goes."""

    def show(self, shown: Shown) -> None: ...
    def note(self, text: str) -> None: ...
    def close(self) -> None: ...


class BarDisplay:
    """A live bar: the stage, the whole, what is being made now, time left."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[doing]}", style="dim", markup=False),
            TextColumn("{task.fields[left]}", style="dim", markup=False),
            console=console,
            refresh_per_second=8,
        )
        self._task = self._progress.add_task(STAGE_WORDS["queued"], total=100.0, doing="", left="")
        self._progress.start()

    def show(self, shown: Shown) -> None:
        """Draw this moment."""
        self._progress.update(
            self._task,
            description=shown.words,
            completed=shown.percent,
            doing=shown.doing,
            left=clock(shown.seconds_left),
        )

    def note(self, text: str) -> None:
        """A line above the bar."""
        self._progress.console.print(Text(text))

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._progress.stop()


class PlainDisplay:
    """Lines: one a stage, and one now and then within."""

    def __init__(self, out: TextIO, clock_now: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._now = clock_now
        self._last: Shown | None = None
        self._at = 0.0

    def show(self, shown: Shown) -> None:
        """Write a line when there is news."""
        last = self._last
        if last is not None and shown.stage == last.stage:
            late = self._now() - self._at >= PLAIN_SECONDS and shown != last
            if not late and shown.percent - last.percent < PLAIN_PERCENT:
                return
        self._last, self._at = shown, self._now()
        self.note(plain_line(shown))

    def note(self, text: str) -> None:
        """A line of its own."""
        self._out.write(text + "\n")
        self._out.flush()

    def close(self) -> None:
        """Nothing is left to do."""


def open_display(out: TextIO) -> Display:
    """A bar when `out` is a terminal that can draw one, else lines."""
    console = Console(file=out, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return BarDisplay(console)
    return PlainDisplay(out)
