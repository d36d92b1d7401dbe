"""Sound to files: FLAC and MP3, as libav encodes them. In a child, or in a thread for a sentence."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import av
import numpy as np
import numpy.typing as npt

FLAC_TYPE = "audio/flac"
MP3_TYPE = "audio/mpeg"

_CHUNK = 1 << 16


class Form(NamedTuple):
    """What a file is encoded as."""

    container: str
    codec: str
    samples: Literal["s16", "s16p", "s32"]
    options: tuple[tuple[str, str], ...] = ()


FLAC16 = Form("flac", "flac", "s16")
FLAC24 = Form("flac", "flac", "s32")
MP3 = Form(
    "mp3",
    "libmp3lame",
    "s16p",
    (("flags", "+qscale"), ("global_quality", str(2 * 118)), ("compression_level", "7")),
)
"""LAME's V2: at constant rates LAME makes the sound lower by half a decibel. The encoder's delay and padding stand
in the first frame, so that players cut them off."""


class SoundWriter:
    """Writes mono sound to a file. A context manager; its end completes the file."""

    def __init__(self, file: Path | BytesIO, rate: int, form: Form) -> None:
        self._container: Any = av.open(str(file) if isinstance(file, Path) else file, "w", format=form.container)
        self._stream: Any = self._container.add_stream(
            form.codec, rate=rate, options=dict(form.options), layout="mono", format=form.samples
        )
        self._form, self._rate, self._at = form, rate, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._container:
            if kind is None:
                self._container.mux(self._stream.encode(None))

    def write(self, samples: npt.NDArray[Any]) -> None:
        """The next samples: int16, or int32 for a form of s32."""
        for start in range(0, len(samples), _CHUNK):
            part = samples[None, start : start + _CHUNK]
            frame = av.AudioFrame.from_ndarray(part, format=self._form.samples, layout="mono")
            frame.sample_rate, frame.pts = self._rate, self._at
            self._at += frame.samples
            self._container.mux(self._stream.encode(frame))


def flac_of(sound: npt.NDArray[np.float32], rate: int) -> bytes:
    """A sentence as FLAC of 24 bits; what lies beyond -1..1 is cut off."""
    top = (1 << 23) - 1
    samples = np.clip(np.rint(sound.astype(np.float64) * (1 << 23)), -top - 1, top).astype(np.int32) << 8
    file = BytesIO()
    with SoundWriter(file, rate, FLAC24) as writer:
        writer.write(samples)
    return file.getvalue()
