"""The captions of a whole video, and what each segment shows of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

import msgspec

from libs.contracts.analysis import Analysis
from libs.contracts.scripts import Narration
from libs.contracts.storyboard import Storyboard
from services.composer.captions import Caption, beside, captions, layout, script, within
from services.composer.lit import LitCaption, lit_captions
from services.composer.lit_script import lit_script, setting
from services.composer.timeline import Segment


class Script(msgspec.Struct, frozen=True):
    """What a segment shows of captions, as ASS."""

    text: str = ""
    """Empty: nothing is shown."""
    start: int = 0
    """The frame of the script's own clock at which the segment begins."""
    letters: tuple[str, ...] = ()
    """The texts that fonts are needed for."""


class Shown(Protocol):
    """The captions of a video."""

    def script(self, segment: Segment) -> Script:
        """What a segment shows of them."""


class Sung(NamedTuple):
    """Captions of lyrics, on the clock of the video, over which they are laid."""

    captions: Sequence[Caption]
    board: Storyboard

    def script(self, segment: Segment) -> Script:
        """See `Shown`."""
        seen = within(self.captions, segment.start, segment.end, Fraction(self.board.fps))
        if not seen:
            return Script()
        text = script(seen, self.board.width, self.board.height)
        return Script(text, segment.start, tuple("".join(one.rows) for one in seen))


class Spoken(NamedTuple):
    """Captions that light up, on the clock of each segment: what lies elsewhere in the video changes nothing."""

    captions: Sequence[LitCaption]
    board: Storyboard

    def script(self, segment: Segment) -> Script:
        """See `Shown`."""
        size = (self.board.width, self.board.height)
        seen = [one for one in self.captions if one.start < segment.end and one.end > segment.start]
        if not seen:
            return Script()
        text = lit_script(seen, segment.start, segment.end, Fraction(self.board.fps), size)
        words = tuple(word.text for one in seen for row in one.rows for word in row)
        return Script(text, 0, (*("".join(word.text for row in one.rows for word in row) for one in seen), *words))


async def sung(board: Storyboard, analysis: Analysis) -> Sung:
    """The captions of the song's words, where the plan has captions."""
    columns = layout(board.width, board.height).columns
    found = await asyncio.to_thread(captions, analysis.words, columns)
    return Sung(beside(found, board.scenes, Fraction(board.fps)), board)


async def spoken(board: Storyboard, analysis: Analysis, narration: Narration) -> Spoken:
    """The captions of a narration, where the plan has captions. The analysis says which words stand together."""
    sizes = setting(board.width, board.height)
    found = await asyncio.to_thread(
        lit_captions, narration, line_numbers(analysis, narration), Fraction(board.fps), board.scenes, sizes
    )
    return Spoken(found, board)


def line_numbers(analysis: Analysis, narration: Narration) -> list[int]:
    """For each word of the narration the number of its caption; one caption a sentence where nothing is told."""
    words = [number for number, sentence in enumerate(narration.sentences) for _ in sentence.words]
    told = [word.line for word in analysis.words]
    return told if len(told) == len(words) else words
