"""Drawn frames into a clip: converted and encoded in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import PictureType, VideoFrame

from libs.media.encoding import PIXELS, Encoding, encoder_options, track_timescale
from libs.media.held import pixels
from libs.media.i420 import Converter
from libs.runtime.disk import full_disk_is_retryable


class FrameWriter:
    """Writes drawn frames as a clip in the final encoding: see `libs.media.encoding`.

    For a child process that draws: synchronous. An ffmpeg of the same x264 would give the same packets, but a start
    and a pipe for each clip cost as much as drawing small pictures. Use `with`: an exception, or `abort()`, leaves
    no file; leaving the block closes the clip. The file is at `path` only once it is whole.
    keys: frames where the clip may be parted without another encoding.
    Raises Retryable("no_space") from each of its methods.
    """

    def __init__(self, path: Path, encoding: Encoding, *, keys: Collection[int] = ()) -> None:
        width, height = encoding.width, encoding.height
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._shape = (height, width, 3)
        self._keys = frozenset(keys)
        self._tick = 1 / encoding.fps
        self._converter = Converter(width, height)
        self._picture = VideoFrame(width, height, PIXELS)
        self._planes = [pixels(plane) for plane in self._picture.planes]
        with full_disk_is_retryable():
            options = {"video_track_timescale": str(track_timescale(encoding.fps))}
            self._file: Any = av.open(str(self._part), "w", format="mp4", options=options)
        self._stream = _stream(self._file, encoding)
        self._open = True
        self.frames = 0

    def __enter__(self) -> FrameWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, frame: npt.NDArray[np.uint8], times: int = 1) -> None:
        """Appends a frame of shape (height, width, 3), BGR, uint8; `times`: for how many frames it is held."""
        if frame.shape != self._shape:
            raise ValueError(f"a frame of shape {frame.shape} doesn't fit {self._shape}")
        self._converter.convert(frame, self._planes)
        for _ in range(times):
            self._picture.pts, self._picture.time_base = self.frames, self._tick
            self._picture.pict_type = PictureType.I if self.frames in self._keys else PictureType.NONE
            self._encode(self._picture)
            self.frames += 1

    def close(self) -> None:
        """Ends the clip."""
        if not self._open:
            return
        try:
            self._encode(None)
            with full_disk_is_retryable():
                self._file.close()
        except BaseException:
            self.abort()
            raise
        self._open = False
        self._part.replace(self._path)

    def abort(self) -> None:
        """Stops at once and leaves no file."""
        if self._open:
            self._open = False
            with contextlib.suppress(av.error.FFmpegError):
                self._file.close()
            self._part.unlink(missing_ok=True)

    def _encode(self, picture: VideoFrame | None) -> None:
        """Hand a picture to the encoder, which has copied it when this returns; None: there are no more."""
        with full_disk_is_retryable():
            self._file.mux(self._stream.encode(picture))


def _stream(file: Any, encoding: Encoding) -> Any:
    stream = file.add_stream("libx264", rate=encoding.fps)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = encoding.width, encoding.height, PIXELS
    context.time_base, context.sample_aspect_ratio = 1 / encoding.fps, Fraction(1)
    context.options = encoder_options(encoding)
    return stream
