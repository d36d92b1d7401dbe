"""How pictures become H.264: the same wherever it is done, so that what one service encoded another joins by copy.

Every group of pictures is closed and starts with an IDR frame, the encoder has one thread (so that bytes don't
depend on the cores), and its time base is one frame.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

B_FRAMES = 3
LONGEST_GROUP = 150
"""Frames from one IDR frame to the next at most."""
BITS_A_PIXEL = 0.26
"""The cap on the bit rate: 7.2 Mb/s at 1280x720 and 30 frames a second."""
LEAST_CAP = 2_000_000
"""Bits a second up to which small pictures may go."""

PIXELS = "yuv420p"
TAGS: dict[str, str] = {
    "color_range": "tv",
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "bt709",
}
"""Options that tag every picture that we encode: BT.709, limited range."""


class Quality(NamedTuple):
    """How much x264 tries, and how good it has to be: the settings `preset` and `crf`."""

    preset: str = "veryfast"
    crf: int = 18
    constant: bool = False
    """One quantizer, `crf`, for all pictures: for those that are held, which then cost next to nothing and stay the
    same to the last bit. Else x264 would better them with each frame."""


USUAL = Quality()
PREVIEW = Quality("ultrafast", 24, constant=True)
INTERIM = Quality("ultrafast", 17)
"""For a clip all of which is encoded once more: a little better than the usual one, at a third of its CPU time and
three to four times its size."""
CAPTIONED = Quality("superfast", 18)
"""In place of the usual one for a video all of which is encoded a second time, under captions: as good, at half its
CPU time and twice its size."""
INTERIM_ROOM = 3
"""Times the usual cap on its bit rate."""

PREVIEW_SIDE = 240
"""The shorter side of a preview in pixels."""
PREVIEW_RATE = 6
"""How many pictures of a preview are drawn for each second, about: they are held until the next."""


class Encoding(NamedTuple):
    """What all parts of a video share. Parts of one encoding are joined by copying their packets."""

    width: int
    height: int
    fps: Fraction
    quality: Quality


def preview_of(width: int, height: int, fps: Fraction) -> Encoding:
    """How the preview of such a video is encoded: smaller, if that can be, and fast."""
    scale = min(Fraction(1), Fraction(PREVIEW_SIDE, min(width, height)))
    return Encoding(2 * round(width * scale / 2), 2 * round(height * scale / 2), fps, PREVIEW)


def tagged(stream: Any) -> Any:
    """A filter graph's stream whose frames carry the same tags: ffmpeg 9 believes them over the options."""
    return stream.filter("setparams", range="tv", colorspace="bt709", color_primaries="bt709", color_trc="bt709")


def time_base(fps: Fraction) -> str:
    """The length of a frame in seconds, as a fraction."""
    return f"{fps.denominator}/{fps.numerator}"


def track_timescale(fps: Fraction) -> int:
    """Ticks a second in which a frame has a whole number of ticks."""
    return fps.numerator if fps.denominator > 1 else fps.numerator * 1000


def encoder_options(encoding: Encoding) -> dict[str, str]:
    """The options of libx264, as text: for ffmpeg and for libavcodec in this process alike."""
    return {
        "preset": encoding.quality.preset,
        **(_constant(encoding.quality) if encoding.quality.constant else _capped(encoding)),
        "threads": "1",
        "g": str(LONGEST_GROUP),
        "forced-idr": "1",
        **TAGS,
    }


def _capped(encoding: Encoding) -> dict[str, str]:
    cap = max(LEAST_CAP, round(encoding.width * encoding.height * encoding.fps * Fraction(BITS_A_PIXEL)))
    if encoding.quality == INTERIM:
        cap *= INTERIM_ROOM
    return {
        "crf": str(encoding.quality.crf),
        "maxrate": str(cap),
        "bufsize": str(2 * cap),
        "bf": str(B_FRAMES),
        "x264-params": "open-gop=0:scenecut=40",
    }


def _constant(quality: Quality) -> dict[str, str]:
    return {"qp": str(quality.crf), "bf": "0", "x264-params": "open-gop=0:scenecut=0"}


def output_options(encoding: Encoding) -> dict[str, Any]:
    """ffmpeg's output options."""
    return {
        "fps_mode": "passthrough",
        "enc_time_base": time_base(encoding.fps),
        "c:v": "libx264",
        "pix_fmt": PIXELS,
        **encoder_options(encoding),
        "video_track_timescale": track_timescale(encoding.fps),
        "map_metadata": -1,
        "f": "mp4",
    }
