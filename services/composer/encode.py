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

from libs.media.ffmpeg import COLOUR, tagged

B_FRAMES = 3


class Picture(NamedTuple):
    """What all segments of a video share."""

    width: int
    height: int
    fps: Fraction
    preset: str
    crf: int


class Input(NamedTuple):
    """A clip's file, and its frame where the segment begins."""

    path: Path
    first: int


class Text(NamedTuple):
    """Captions: the ASS script, the folder with its font, and the video's frame where the segment begins."""

    script: Path
    fonts: Path
    start: int


def time_base(fps: Fraction) -> str:
    """The length of a frame in seconds, as a fraction."""
    return f"{fps.denominator}/{fps.numerator}"


def track_timescale(fps: Fraction) -> int:
    """Ticks a second in which a frame has a whole number of ticks."""
    return fps.numerator if fps.denominator > 1 else fps.numerator * 1000


def segment_args(
    picture: Picture, inputs: Sequence[Input], frames: int, output: Path, text: Text | None = None
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
    output_options: dict[str, Any] = {
        "fps_mode": "passthrough",
        "enc_time_base": time_base(picture.fps),
        "frames:v": frames,
        "c:v": "libx264",
        "preset": picture.preset,
        "crf": picture.crf,
        "threads": 1,
        "g": 150,
        "bf": B_FRAMES,
        "x264-params": "open-gop=0:scenecut=40",
        **COLOUR,
        "video_track_timescale": track_timescale(picture.fps),
        "map_metadata": -1,
        "f": "mp4",
    }
    args: list[str] = stream.output(str(output), **output_options).get_args()
    return ["-filter_threads", "1", "-filter_complex_threads", "1", *args]


def _source(picture: Picture, one: Input, frames: int) -> Any:
    options: dict[str, Any] = {"threads": 1, "protocol_whitelist": "file", "f": "mov"}
    if one.first > 0:
        options["ss"] = f"{float((one.first - Fraction(1, 2)) / picture.fps):.6f}"
    stream = graph.input(str(one.path), **options).video
    stream = stream.filter("trim", end_frame=frames)
    stream = stream.filter("scale", picture.width, picture.height, flags="bicubic").filter("setsar", 1)
    stream = stream.filter("settb", time_base(picture.fps)).filter("setpts", "N")
    return stream.filter("fps", f"{picture.fps.numerator}/{picture.fps.denominator}")
