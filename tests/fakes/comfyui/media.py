"""Makes the files of a double: real pictures, clips and sounds, small and quick, that follow from a seed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.fakes.comfyui.meaning import Media

Frame = NDArray[np.uint8]
Look = Literal["", "black", "frozen"]

RATE = 44100
_MARGIN = 48
_AUDIO_CODECS = {".flac": "flac", ".mp3": "libmp3lame", ".opus": "libopus"}


def frames(media: Media, look: Look = "") -> Iterator[Frame]:
    """The pictures, uint8 RGB (height, width, 3): colours that drift, and a disc that crosses them."""
    width, height = media.width, media.height
    if look == "black":
        black = np.zeros((height, width, 3), np.uint8)
        yield from (black for _ in range(media.frames))
        return
    random = np.random.default_rng(media.seed)
    coarse = random.integers(40, 216, (max(height // 48, 3), max(width // 48, 3), 3), np.uint8)
    ground = cv2.resize(coarse, (width + _MARGIN, height + _MARGIN), interpolation=cv2.INTER_CUBIC)
    colour = [int(part) for part in random.integers(0, 256, 3)]
    phase = float(random.random())
    for number in range(media.frames):
        turn = 0.0 if look == "frozen" else number / 36
        at = int(_MARGIN / 2 * (1 + math.sin(math.tau * (turn + phase))))
        across = int(_MARGIN / 2 * (1 + math.cos(math.tau * (turn + phase))))
        frame = ground[at : at + height, across : across + width].copy()
        centre = (int(width * (0.5 + 0.4 * math.sin(math.tau * (turn / 2 + phase)))), height // 2)
        cv2.circle(frame, centre, max(min(width, height) // 6, 2), colour, -1)
        yield frame.astype(np.uint8, copy=False)


def save_png(file: Path, frame: Frame, metadata: dict[str, Any]) -> None:
    """A PNG that carries `metadata` as text, each value in JSON, as servers do."""
    info = PngInfo()
    for key, value in metadata.items():
        info.add_text(key, json.dumps(value))
    Image.fromarray(frame).save(file, "PNG", pnginfo=info, compress_level=1)


def save_webp(file: Path, media: Media, look: Look) -> None:
    """An animated WebP."""
    first, *rest = [Image.fromarray(frame) for frame in frames(media, look)]
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=rest,
        duration=round(1000 / (media.fps or 24)),
        quality=60,
        method=0,
    )


def save_video(file: Path, media: Media, metadata: dict[str, Any], look: Look, *, light: bool) -> None:
    """An MP4 (H.264, AAC where there is sound) or WebM, the metadata in the container."""
    if light and file.suffix == ".mp4":
        seed = media.seed % 4
        alike = Media(media.width, media.height, media.frames, fps=media.fps, seconds=media.seconds, seed=seed)
        said = json.dumps(metadata).encode()
        trailer = (len(said) + 8).to_bytes(4, "big") + b"free" + said  # a box that players skip
        file.write_bytes(_light_clip(alike, look) + trailer)
        return
    _encode(file, media, metadata, look)


@lru_cache(maxsize=32)
def _light_clip(media: Media, look: Look) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp4"
        _encode(file, media, {}, look)
        return file.read_bytes()


def _encode(file: Path, media: Media, metadata: dict[str, Any], look: Look) -> None:
    options = {"movflags": "use_metadata_tags"} if file.suffix == ".mp4" else {}
    rate = Fraction(media.fps or 24).limit_denominator(1001)
    with av.open(str(file), "w", options=options) as container:
        for key, value in metadata.items():
            container.metadata[key] = json.dumps(value)
        if file.suffix == ".webm":
            stream = container.add_stream("libvpx-vp9", rate, options={"deadline": "realtime", "cpu-used": "8"})
        else:
            stream = container.add_stream("libx264", rate, options={"preset": "ultrafast", "crf": "28"})
        stream.width, stream.height = media.width - media.width % 2, media.height - media.height % 2
        stream.pix_fmt = "yuv420p"
        sound = None
        if media.seconds and file.suffix == ".mp4":
            sound = container.add_stream("aac", RATE)
            sound.layout = "stereo"
        for frame in frames(media, look):
            picture: Any = cv2.cvtColor(frame[: stream.height, : stream.width], cv2.COLOR_RGB2YUV_I420)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "yuv420p")))
        container.mux(stream.encode(None))
        if sound is not None:
            _encode_sound(container, sound, media, min(media.seconds, media.frames / float(rate)))


def save_sound(file: Path, media: Media, metadata: dict[str, Any], look: Look) -> None:
    """FLAC, MP3 or Opus by the file's name: two notes that follow from the seed; silence for "black"."""
    rate = 48000 if file.suffix == ".opus" else RATE
    with av.open(str(file), "w") as container:
        for key, value in metadata.items():
            container.metadata[key] = json.dumps(value)
        stream: Any = container.add_stream(_AUDIO_CODECS[file.suffix], rate)
        stream.layout = "stereo"
        _encode_sound(container, stream, media, media.seconds or 1.0, rate, 0.0 if look == "black" else 0.2)


def _encode_sound(
    container: Any, stream: Any, media: Media, seconds: float, rate: int = RATE, level: float = 0.2
) -> None:
    pitch = 110.0 * 2 ** (media.seed % 24 / 12)
    when = np.arange(max(int(seconds * rate), 1)) / rate
    tone = level * (np.sin(math.tau * pitch * when) + 0.5 * np.sin(math.tau * pitch * 1.5 * when))
    both = np.repeat((tone * 32767).astype(np.int16), 2)[None, :]
    graph = av.AudioResampler(
        format=stream.format.name, layout="stereo", rate=rate, frame_size=stream.frame_size or 1024
    )
    block = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
    block.sample_rate = rate
    block.pts = 0
    for frame in [*graph.resample(block), *graph.resample(None)]:
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def preview(media: Media, step: int) -> bytes:
    """A small JPEG of the picture at a step."""
    random = np.random.default_rng(media.seed + step)
    small = cv2.resize(random.integers(0, 256, (4, 6, 3), np.uint8), (48, 32), interpolation=cv2.INTER_LINEAR)
    return bytes(cv2.imencode(".jpg", small)[1])


def measured(file: Path) -> Media:
    """Size, frames and sound of an uploaded file; one plain picture when it is none of these."""
    seed = file.stat().st_size
    try:
        with Image.open(file) as picture:
            return Media(*picture.size, 1, seed=seed)
    except OSError:
        pass
    try:
        with av.open(str(file)) as container:
            seconds = float(container.duration or 0) / av.time_base
            if not container.streams.video:
                return Media(seconds=seconds, seed=seed)
            stream = container.streams.video[0]
            fps = float(stream.average_rate or 24)
            count = stream.frames or max(round(seconds * fps), 1)
            heard = seconds if container.streams.audio else 0.0
            return Media(stream.width, stream.height, count, fps=fps, seconds=heard, seed=seed)
    except av.FFmpegError:
        return Media(512, 512, 1, seed=seed)
