"""Drawn frames into a clip: converted here, encoded by an ffmpeg at the other end of a pipe."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any, cast

import ffmpeg as graph
import numpy as np
import numpy.typing as npt

from libs.media.encoding import Encoding, output_options, tagged
from libs.media.ffmpeg import GLOBAL_OPTIONS, attend, failure, find_ffmpeg, start
from libs.media.i420 import Converter
from libs.runtime import spawn
from libs.runtime.spawn import Limits


class FrameWriter:
    """Writes drawn frames as a clip in the final encoding: see `libs.media.encoding`.

    For a child process that draws: synchronous, and ffmpeg stays in the child's process group. Use `with`: an
    exception, or `abort()`, leaves no file; leaving the block closes the clip. The file is at `path` only once
    it is whole. keys: frames where the clip may be parted without another encoding.
    """

    def __init__(
        self,
        path: Path,
        encoding: Encoding,
        *,
        keys: Collection[int] = (),
        binary: str | Path = "",
        limits: Limits | None = None,
    ) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._shape = (encoding.height, encoding.width, 3)
        self._convert = Converter(encoding.width, encoding.height).planes
        size = f"{encoding.width}x{encoding.height}"
        source: Any = graph.input(
            "pipe:0", f="rawvideo", pix_fmt="yuv420p", s=size, framerate=encoding.fps, threads=1
        )
        picture = tagged(source.video.filter("setsar", 1))
        options = output_options(encoding, keys)
        args = ["-filter_threads", "1", *picture.output(str(self._part), **options).get_args()]
        tool = binary if isinstance(binary, Path) else find_ffmpeg(binary)
        argv = spawn.command([str(tool), *GLOBAL_OPTIONS, *args], limits=limits)
        self._process = start(argv, stdin=subprocess.PIPE, own_group=False)
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
        planes = self._convert(frame).data
        try:
            for _ in range(times):
                cast(IO[bytes], self._process.stdin).write(planes)
        except OSError:
            self._finish()
            raise RuntimeError("ffmpeg stopped reading frames, and ended well") from None
        self.frames += times

    def close(self) -> None:
        """Ends the clip. Raises what `failure` says when ffmpeg ends badly; then there is no file."""
        if self._process.returncode is None:
            self._finish()
            self._part.replace(self._path)

    def abort(self) -> None:
        """Stops at once and leaves no file."""
        if self._process.returncode is None:
            self._process.kill()
            with contextlib.suppress(OSError):
                cast(IO[bytes], self._process.stdin).close()
            attend(self._process, None)
        self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        with contextlib.suppress(OSError):
            cast(IO[bytes], self._process.stdin).close()
        _, tail = attend(self._process, None)
        if self._process.returncode:
            self._part.unlink(missing_ok=True)
            raise failure(cast(int, self._process.returncode), tail)
