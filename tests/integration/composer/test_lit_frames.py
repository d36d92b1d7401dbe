"""Captions as they are drawn: the light goes the way that a script is read, and stays within the margins."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from libs.contracts.scripts import Narration
from libs.media.ffmpeg import run_ffmpeg
from services.composer.caption_fonts import font_folder
from services.composer.captions import layout
from services.composer.lit import lit_captions
from services.composer.lit_script import lit_script, setting
from tests.narrations import narration
from tests.storyboards import scene

FPS = Fraction(30)
Marks = tuple[list[float], tuple[int, int], tuple[int, int]]


async def drawn(tmp_path: Path, told: Narration, size: tuple[int, int], ground: str) -> Marks:
    """For each word, the middle of what is lit in its first frame; the columns and rows that captions take."""
    lines = [0 for sentence in told.sentences for _ in sentence.words]
    captions = lit_captions(told, lines, FPS, [scene(1, 0, told.frames)], setting(*size))
    words = [word for one in captions for row in one.rows for word in row]
    script = tmp_path / "captions.ass"
    script.write_text(lit_script(captions, 0, told.frames, FPS, size), encoding="utf-8")
    fonts = font_folder(tmp_path, ["".join(word.text for word in words), *(word.text for word in words)])
    video = tmp_path / "drawn.mkv"
    source = f"color={ground}:s={size[0]}x{size[1]}:r=30:d={told.frames / 30}"
    drawing = f"ass=filename={script}:fontsdir={fonts}"
    await run_ffmpeg(["-f", "lavfi", "-i", source, "-vf", drawing, "-c:v", "ffv1", str(video)], timeout_s=60)
    with av.open(str(video)) as container:
        pictures = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    middles = []
    for word in words:
        red, green, blue = np.moveaxis(pictures[word.start], 2, 0)
        columns = np.nonzero((red > 200) & (green > 160) & (blue < 120))[1]
        middles.append(float(columns.mean()))
    changed = np.abs(pictures[words[0].start] - pictures[-1]).max(axis=2) > 60
    across, down = np.nonzero(changed.any(axis=0))[0], np.nonzero(changed.any(axis=1))[0]
    return middles, (int(across[0]), int(across[-1])), (int(down[0]), int(down[-1]))


@pytest.mark.parametrize(
    ("text", "rightward"),
    [
        ("The sea is calm", True),
        ("שלום לכל האנשים", False),
        ("مرحبا بكم جميعا", False),
        ("Море сегодня тихое", True),
        ("आज समुद्र शांत", True),
        ("海は 今日も 静か", True),
    ],
)
async def test_the_light_goes_as_one_reads(tmp_path: Path, text: str, rightward: bool) -> None:
    middles, _, _ = await drawn(tmp_path, narration([(text, 0)]), (640, 360), "gray")
    assert sorted(middles, reverse=not rightward) == middles
    assert min(abs(a - b) for a, b in pairwise(middles)) > 15


async def test_a_name_in_other_letters_stands_where_it_belongs(tmp_path: Path) -> None:
    middles, _, _ = await drawn(tmp_path, narration([("Beatloom هو برنامج جديد", 0)]), (640, 360), "gray")
    assert sorted(middles, reverse=True) == middles, "from right to left, though it begins with Latin letters"


@pytest.mark.parametrize(("size", "ground"), [((640, 360), "white"), ((360, 640), "black"), ((360, 360), "yellow")])
async def test_captions_stay_within_the_margins(tmp_path: Path, size: tuple[int, int], ground: str) -> None:
    told = narration([("Every letter of this stands within the margins.", 0)])
    middles, (left, right), (top, bottom) = await drawn(tmp_path, told, size, ground)
    sizes = layout(*size)
    slack = sizes.size * 0.4  # the soft cloud behind the letters
    assert sizes.side - slack <= left and right <= size[0] - sizes.side + slack
    assert bottom <= size[1] - sizes.below + slack and top >= size[1] * 0.5
    assert all(np.isfinite(middles))
