"""The poster: one good frame of the finished video as a JPEG."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg as graph


def poster_args(video: Path, frame: int, fps: Fraction, output: Path) -> list[str]:
    """Arguments that write frame `frame` of the video to `output`."""
    options: dict[str, Any] = {"threads": 1, "protocol_whitelist": "file", "f": "mov"}
    if frame > 0:
        options["ss"] = f"{float((frame - Fraction(1, 2)) / fps):.6f}"
    picture = graph.input(str(video), **options).video
    picture = picture.filter("scale", in_color_matrix="bt709", out_color_matrix="bt601", out_range="pc")
    picture = picture.filter("format", "yuvj420p")
    args: list[str] = picture.output(
        str(output), **{"frames:v": 1, "q:v": 3, "c:v": "mjpeg", "threads": 1, "f": "mjpeg"}
    ).get_args()
    return args
