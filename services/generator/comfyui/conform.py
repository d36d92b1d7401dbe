"""A server's files are looked at, and become the shot's clip: its frames, size and rate exactly.

For a worker child. What is wrong with a file is returned, not raised: another seed is tried for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from libs.contracts.errors import Permanent, Retryable
from libs.contracts.storyboard import Shot
from libs.measure.light import is_black, small_size
from libs.media.encoding import Encoding
from libs.media.film import MOST_PIXELS, moving_picture
from libs.media.guards import memory_limit, read_image_head
from libs.media.sound import decoded, open_media
from libs.media.writer import FrameWriter
from libs.runtime.worker import report
from services.generator.builtin.render import borders
from services.generator.comfyui.pieces import Cutting
from services.generator.comfyui.strip import plain_picture

Fault = Literal["", "unreadable", "too_short", "black", "frozen"]

FROZEN_LEVELS = 0.25
"""Mean difference of two small pictures, of 255, up to which nothing moves. A model's own noise is above it."""
LIVELY_SHARE = 0.1
"""Of the steps from frame to frame, how many must move at least."""
REPORT_EVERY = 10
MEMORY = 3 << 30
"""Bytes that looking at a server's file may take: those that need more are made to."""
NARROWEST = 8
"""A frame is no picture when it is so many times too narrow, or too low, for the clip."""
_WHY = {
    "not_media": "It is none of the kinds that are read: MP4, WebM, Matroska, MOV, AVI.",
    "no_video_stream": "It has no picture, or only a cover.",
    "image_too_large": "Its picture is too large.",
}

Frame = npt.NDArray[np.uint8]


class ConformOrder(NamedTuple):
    """What becomes of what."""

    files: tuple[Path, ...]
    """The files of the cutting's pieces, in order."""
    cutting: Cutting
    shot: Shot
    encoding: Encoding
    out: Path


class Conformed(msgspec.Struct, frozen=True):
    """How it went. `fault` is empty when the clip was written."""

    frames: int
    fault: Fault = ""
    message: str = ""


class Faulty(Exception):
    """A file is of no use."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def conform(order: ConformOrder) -> Conformed:
    """Write the shot's clip from the files.

    Each frame of the clip shows the model's frame that is nearest in time; the picture fills the frame, what
    stands over is cut off evenly. Raises what FrameWriter raises.
    """
    watch, encoding, frames = _Watch(), order.encoding, order.shot.frames
    try:
        with FrameWriter(order.out, encoding, keys=borders(order.shot)) as writer:
            seen = watch.over(model_frames(order.files, order.cutting))
            for frame, times in held(seen, shown(order.cutting, frames, encoding.fps)):
                writer.write(filling(frame, encoding.width, encoding.height), times)
                if writer.frames % REPORT_EVERY < times:
                    report(writer.frames / frames, "conforming")
            watch.judge()
    except Faulty as error:
        return Conformed(0, error.fault, str(error))
    return Conformed(frames)


def inspect(path: Path, frames: int) -> Conformed:
    """Whether a file has so many frames at least, and they show something that moves. One is a still.

    Nobody looks at what comes after them.
    """
    watch, seen = _Watch(), 0
    try:
        with memory_limit(MEMORY):
            for _ in watch.over(islice(_decoded(path), frames) if frames > 1 else _still(path)):
                seen += 1
        if seen < frames:
            raise Faulty("too_short", f"The file has {seen} of {frames} frames.")
        watch.judge()
    except Faulty as error:
        return Conformed(seen, error.fault, str(error))
    except (MemoryError, cv2.error) as error:
        return Conformed(seen, "unreadable", f"The file takes too much memory: {error}")
    return Conformed(seen)


def last_frame(path: Path, number: int, out: Path) -> None:
    """Write frame `number` of a video that was inspected as a PNG: what the next piece begins with.

    Raises Retryable("gpu_bad_output"), and OSError when the disk is full.
    """
    try:
        frame = next(islice(_decoded(path), number, None), None)
    except Faulty as error:
        raise Retryable("gpu_bad_output", str(error)) from error
    if frame is None:
        raise Retryable("gpu_bad_output", f"The file has no frame {number}.")
    out.write_bytes(cv2.imencode(".png", frame)[1].tobytes())


def shown(cutting: Cutting, frames: int, fps: Fraction) -> list[int]:
    """For each frame of the clip, the number of the model's frame that it shows. They never go back."""
    step = cutting.fps / fps
    last = cutting.frames - 1
    return [min(max(round(cutting.lead + number * step), 0), last) for number in range(frames)]


def held(frames: Iterable[Frame], numbers: list[int]) -> Iterator[tuple[Frame, int]]:
    """The frames of these numbers, each with how often it is shown in a row. Raises Faulty."""
    wanted = iter(numbers)
    number = next(wanted, None)
    for place, frame in enumerate(frames):
        times = 0
        while number is not None and number == place:
            times += 1
            number = next(wanted, None)
        if times:
            yield frame, times
        if number is None:
            return
    if number is not None:
        raise Faulty("too_short", f"Frame {number} of the model's {max(numbers) + 1} is missing.")


def model_frames(files: tuple[Path, ...], cutting: Cutting) -> Iterator[Frame]:
    """All frames of the cutting, BGR: every piece without the frame that it shares with the one before.

    Raises Faulty.
    """
    for file, piece in zip(files, cutting.pieces, strict=True):
        place = 0
        for frame in _decoded(file):
            if place >= piece.frames:
                break
            if place >= piece.keep_from:
                yield frame
            place += 1
        if place < piece.frames:
            raise Faulty("too_short", f"A file has {place} of {piece.frames} frames.")


def _decoded(file: Path) -> Iterator[Frame]:
    try:
        with open_media(file) as container:
            for frame in decoded(container, moving_picture(container)):
                if frame.width * frame.height > MOST_PIXELS:  # it may grow on the way
                    raise Permanent("image_too_large")
                yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    except Permanent as error:
        raise Faulty(
            "unreadable", f"The file is no video that can be decoded. {_WHY.get(error.code, '')}"
        ) from error
    except Exception as error:  # whatever a hostile file makes the decoder raise
        raise Faulty("unreadable", f"The file can't be decoded: {str(error) or type(error).__name__}") from error


def _still(file: Path) -> Iterator[Frame]:
    """The picture as it will be kept."""
    try:
        read_image_head(file)
        data = np.frombuffer(plain_picture(file), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except Permanent as error:
        raise Faulty("unreadable", f"The picture can't be decoded: {error.message}") from error
    except Exception as error:  # whatever a hostile file makes the decoder raise
        raise Faulty("unreadable", f"The picture can't be decoded: {str(error) or type(error).__name__}") from error
    if picture is None:
        raise Faulty("unreadable", "The picture can't be decoded.")
    yield np.asarray(picture, np.uint8)


def filling(frame: Frame, width: int, height: int) -> Frame:
    """The picture in this size, none of it left empty: what stands over is cut off on both sides alike.

    Raises Faulty for a frame of quite another shape, which would be vast before it is cut.
    """
    rows, columns = frame.shape[:2]
    if max(columns * height, rows * width) > NARROWEST * min(columns * height, rows * width):
        raise Faulty("unreadable", f"A frame of {columns}x{rows} pixels makes no picture of {width}x{height}.")
    scale = max(width / columns, height / rows)
    size = max(width, round(columns * scale)), max(height, round(rows * scale))
    if size != (columns, rows):
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        frame = np.asarray(cv2.resize(frame, size, interpolation=way), np.uint8)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(frame[top : top + height, left : left + width])


class _Watch:
    """Looks at the frames that go by: whether anything is seen, and whether anything moves."""

    def __init__(self) -> None:
        self._before: Frame | None = None
        self._size = (0, 0)
        """Of the first frame, made small; a file's frames may have several."""
        self._frames = self._black = self._moved = 0

    def over(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            if self._before is None:
                self._size = small_size(frame.shape[1], frame.shape[0])
            small = np.asarray(cv2.resize(frame, self._size, interpolation=cv2.INTER_AREA), np.uint8)
            self._frames += 1
            self._black += is_black(small)
            if self._before is not None:
                change = float(cv2.absdiff(small, self._before).mean())
                self._moved += change > FROZEN_LEVELS
            self._before = small
            yield frame

    def judge(self) -> None:
        if self._black == self._frames:
            raise Faulty("black", "Nothing is seen in the clip.")
        if self._frames > 2 and self._moved < LIVELY_SHARE * (self._frames - 1):
            raise Faulty("frozen", "Nothing moves in the clip.")
