"""Any video, of whatever tool, watched once for all that is measured of its picture. For a child process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from libs.contracts.errors import BeatloomError, Permanent
from libs.measure.bits import BitMeter, BitRate
from libs.measure.cuts import Shift, ShotFinder
from libs.measure.light import Small, is_black, small_size
from libs.measure.watch import Seen, Watch
from libs.media.guards import MAX_VIDEO_BYTES, check_song_file, memory_limit
from libs.media.sound import decoded, open_media
from libs.media.track import before_the_break, beginning, time_of
from libs.runtime.worker import report

FAST = {"skip_loop_filter": "noref"}
"""Options of the decoder: pictures that no other refers to are not deblocked, which nobody sees at this size."""

NO_VIDEO = "The file is no video that can be decoded."
MEMORY = 3 << 30
MOST_PIXELS = 8192 * 8192
LONGEST_STEP = 60.0
"""A frame that is said to come later than this after the one before has a damaged time."""
_SHORTEST_STEP = 1e-4


class Film(NamedTuple):
    """What was seen. Seconds count from the file's own beginning."""

    codec: str
    container: str
    size_bytes: int
    width: int
    height: int
    """As it is shown, turned if the file says so."""
    turned: int
    """Quarter turns to the left that a player makes."""
    frames: int
    duration: float
    declared: float
    """Seconds that the file says it has; 0 where it doesn't say."""
    fps: float
    """Frames a second on average."""
    uneven_ms: float
    """How far the frame that is farthest off is from an even grid."""
    tick_ms: float
    """The smallest step that the file's own clock knows."""
    seen: Seen
    shifts: tuple[Shift, ...]
    black: tuple[bool, ...]
    rate: BitRate | None


def watch_film(path: str) -> Film:
    """Decodes the picture once, whatever a hostile file does.

    Raises `Permanent`: as `check_song_file`, or not_media, no_video_stream, image_too_large.
    """
    try:
        with memory_limit(MEMORY):
            return _watched(Path(path))
    except BeatloomError:
        raise
    except Exception as error:  # whatever a hostile file makes the decoder raise
        raise Permanent("not_media", NO_VIDEO) from error


def _watched(path: Path) -> Film:
    demuxer = check_song_file(path, MAX_VIDEO_BYTES)
    with open_media(path) as container:
        stream = moving_picture(container)
        start = beginning(container)
        length = max((container.duration or 0) / 1e6, 1e-3)
        watch, shots, bits, shrinker = Watch(), ShotFinder(), BitMeter(), VideoReformatter()
        black: list[bool] = []
        size, turned, at = (0, 0), 0, -1.0
        frames = decoded(container, stream, lambda packet: bits.add(time_of(packet) - start, packet.size))
        for frame in before_the_break(frames):
            if not size[0]:
                size, turned = (frame.width, frame.height), _turns(frame)
                small = small_size(*size)
            at = _moment(frame, start, at, stream)
            picture = shrunk(shrinker, frame, small)
            watch.add(picture, at)
            shots.add(picture, at)
            black.append(is_black(picture))
            if len(black) % 50 == 0:
                report(min(at / length, 1.0), "watching")
        seen = watch.seen()
        if not seen.times.size:
            raise Permanent("no_video_stream", "No picture of the video can be decoded.")
        fps, uneven = _evenness(seen.times, float(stream.average_rate or 0))
        duration = float(seen.times[-1] - min(seen.times[0], 0.0)) + 1 / fps
        return Film(
            codec=stream.codec_context.name,
            container=demuxer,
            size_bytes=path.stat().st_size,
            width=size[turned % 2],
            height=size[1 - turned % 2],
            turned=turned,
            frames=seen.times.size,
            duration=duration,
            declared=(container.duration or 0) / 1e6,
            fps=fps,
            uneven_ms=uneven * 1000,
            tick_ms=float(stream.time_base or 0) * 1000,
            seen=seen,
            shifts=tuple(shots.shifts()),
            black=tuple(black),
            rate=bits.rate(duration),
        )


def film_shots(path: str, times: Sequence[float], size: tuple[int, int], turned: int) -> list[Small | None]:
    """The frames that are shown at these seconds, in this width and height, turned; None where there is none."""
    found: list[Small | None] = []
    try:
        with memory_limit(MEMORY), open_media(Path(path)) as container:
            stream = moving_picture(container)
            start, shrinker = beginning(container), VideoReformatter()
            plain = size if turned % 2 == 0 else size[::-1]
            for at in times:
                frame = _frame_at(container, stream, at + start)
                found.append(None if frame is None else np.rot90(shrunk(shrinker, frame, plain), turned).copy())
    except BeatloomError:
        raise
    except Exception as error:  # whatever a hostile file makes the decoder raise
        raise Permanent("not_media") from error
    return found


def _frame_at(container: Any, stream: Any, at: float) -> Any | None:
    container.seek(max(int(at / stream.time_base), 0), stream=stream)
    shown = None
    for frame in before_the_break(decoded(container, stream)):
        if shown is not None and time_of(frame) > at + 1e-6:
            return shown
        shown = frame
    return shown


def moving_picture(container: Any) -> Any:
    """The video stream that is no cover picture, ready to be decoded.

    Raises `Permanent`: no_video_stream, image_too_large.
    """
    cover = av.stream.Disposition.attached_pic
    stream = next((one for one in container.streams.video if not one.disposition & cover), None)
    if stream is None or not stream.codec_context:
        raise Permanent("no_video_stream")
    if stream.codec_context.width * stream.codec_context.height > MOST_PIXELS:
        raise Permanent("image_too_large", "The video's picture is too large.")
    stream.thread_type = "AUTO"
    stream.codec_context.options = FAST
    return stream


def shrunk(shrinker: VideoReformatter, frame: Any, size: tuple[int, int]) -> Small:
    """A decoded frame in this width and height, as RGB."""
    small = shrinker.reformat(frame, *size, "rgb24", interpolation="AREA")
    return np.asarray(small.to_ndarray(), np.uint8)


def _turns(frame: Any) -> int:
    """Quarter turns to the left that the file asks for."""
    return round(getattr(frame, "rotation", 0) / 90) % 4


def _moment(frame: Any, start: float, last: float, stream: Any) -> float:
    """When a frame is shown; times rise, and never far, whatever the file says."""
    told = None if frame.pts is None else time_of(frame) - start
    if told is None or told > last + LONGEST_STEP:
        return max(last, 0.0) + 1 / float(stream.average_rate or 30)
    return max(told, last + _SHORTEST_STEP)


def _evenness(times: Any, told: float) -> tuple[float, float]:
    """Frames a second, and how many seconds the frame that is farthest off is from an even grid."""
    if times.size < 2:
        return told or 1.0, 0.0
    step = float(times[-1] - times[0]) / (times.size - 1)
    off = times - times[0] - step * np.arange(times.size)
    return 1 / step, float(off.max() - off.min()) / 2


def spans(times: Any, flags: Iterable[bool], least: float, end: float) -> list[tuple[float, float]]:
    """Runs of set flags of `least` seconds or more; a frame is shown until the next, the last one until `end`."""
    found: list[tuple[float, float]] = []
    begun: float | None = None
    for at, flag in zip([*times, end], [*flags, False], strict=True):
        if flag and begun is None:
            begun = float(at)
        elif not flag and begun is not None:
            if at - begun >= least:
                found.append((begun, float(at)))
            begun = None
    return found
