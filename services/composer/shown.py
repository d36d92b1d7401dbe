"""The captions of a whole video, and what each segment shows of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from libs.contracts.analysis import Word
from libs.contracts.storyboard import Storyboard
from services.composer.caption_fonts import font_folder
from services.composer.captions import Caption, beside, captions, face_of, layout, script, within
from services.composer.timeline import Segment


class Shown(NamedTuple):
    """Captions in order, the video that they are laid over, and the folder with their fonts."""

    captions: Sequence[Caption]
    board: Storyboard
    fonts: Path

    def script(self, segment: Segment) -> str:
        """The ASS script of what a segment shows; empty without any."""
        seen = within(self.captions, segment.start, segment.end, Fraction(self.board.fps))
        return script(seen, self.board.width, self.board.height) if seen else ""


async def shown_captions(folder: Path, board: Storyboard, words: Sequence[Word]) -> Shown:
    """The captions of these words where the plan has captions; their fonts are put into `folder`."""
    found: list[Caption] = []
    if words:
        found = await asyncio.to_thread(captions, words, layout(board.width, board.height).columns)
    left = beside(found, board.scenes, Fraction(board.fps))
    return Shown(left, board, font_folder(folder, map(face_of, left)))
