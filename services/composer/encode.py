"""One segment, one short ffmpeg: what it is started with. Pure.

The recipe is exact because every segment is forced to the same grid: `setpts=N` counts frames, the encoder's
time base is one frame, and size, pixel format, colour and rate are set in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import ffmpeg as graph

from libs.media.encoding import Encoding, output_options, tagged, time_base


class Input(NamedTuple):
    """A clip's file, and its frame where the segment begins."""

    path: Path
    first: int


class Text(NamedTuple):
    """Captions: the ASS script, the folder with its font, and the video's frame where the segment begins."""

    script: Path
    fonts: Path
    start: int


def segment_args(
    picture: Encoding, inputs: Sequence[Input], frames: int, output: Path, text: Text | None = None
) -> list[str]:
    """Arguments that encode a segment: of one input a body, of two a crossfade over all of its frames."""
    sources = [_source(picture, one, frames) for one in inputs]
    stream = sources[0]
    if len(sources) == 2:
        length = float(frames / picture.fps)
        stream = graph.filter(sources, "xfade", transition="fade", duration=f"{length:.6f}", offset=0)
        stream = stream.filter("settb", time_base(picture.fps)).filter("setpts", "N")
    if text is not None:
        stream = stream.filter("setpts", f"N+{text.start}")
        stream = stream.filter("ass", filename=str(text.script), fontsdir=str(text.fonts))
        stream = stream.filter("setpts", "N")
    stream = tagged(stream.filter("format", "yuv420p"))
    options = {**output_options(picture), "frames:v": frames}
    args: list[str] = stream.output(str(output), **options).get_args()
    return ["-filter_threads", "1", "-filter_complex_threads", "1", *args]


def head_args(picture: Encoding, output: Path) -> list[str]:
    """Arguments that encode one black frame: its decoder's parameters are those of every segment."""
    rate = f"{picture.fps.numerator}/{picture.fps.denominator}"
    black = graph.input(f"color=black:s={picture.width}x{picture.height}:r={rate}", f="lavfi")
    stream = tagged(black.video.filter("format", "yuv420p").filter("setsar", 1))
    args: list[str] = stream.output(str(output), **output_options(picture), **{"frames:v": 1}).get_args()
    return ["-filter_threads", "1", *args]


def _source(picture: Encoding, one: Input, frames: int) -> Any:
    options: dict[str, Any] = {"threads": 1, "protocol_whitelist": "file", "f": "mov"}
    if one.first > 0:
        options["ss"] = f"{float((one.first - Fraction(1, 2)) / picture.fps):.6f}"
    stream = graph.input(str(one.path), **options).video
    stream = stream.filter("trim", end_frame=frames)
    stream = stream.filter("scale", picture.width, picture.height, flags="bicubic").filter("setsar", 1)
    stream = stream.filter("settb", time_base(picture.fps)).filter("setpts", "N")
    return stream.filter("fps", f"{picture.fps.numerator}/{picture.fps.denominator}")
