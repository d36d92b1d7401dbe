"""What a user's file holds, found by decoding it in a guarded child.

The content is matched by `guards` first; then a child process with limits of time and memory opens it with one
named demuxer and no protocol but `file`. Whatever the decoder does, this process only waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import av
import msgspec

from libs.contracts.analysis import Notice
from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.media.formats import OPEN_OPTIONS, id3_length
from libs.media.guards import (
    MAX_CLIP_BYTES,
    MAX_CLIP_SECONDS,
    MAX_CLIP_SIDE,
    MAX_SONG_SECONDS,
    MIN_SONG_SECONDS,
    LyricsFormat,
    check_song_file,
    memory_limit,
    read_image_head,
    read_lyrics,
)
from libs.media.sound import Samples, decoded, open_media, resampled
from libs.media.tags import song_title
from libs.media.track import before_the_break, time_of

if TYPE_CHECKING:
    from libs.runtime.workers import WorkerPool

T = TypeVar("T")

SONG_TIMEOUT_S = 60.0
IMAGE_TIMEOUT_S = 20.0
CLIP_TIMEOUT_S = 90.0
SONG_MEMORY = 768 << 20
IMAGE_MEMORY = 500 << 20
CLIP_MEMORY = 1536 << 20

_DECLARES_LENGTH = frozenset({"mov", "wav", "w64", "flac", "aiff", "caf", "matroska", "avi", "flv", "asf"})
"""Demuxers whose files say how long they are, so that a missing end shows."""


_LONGEST_PAGE = 65_307
"""Bytes of an Ogg page at most."""


class SongProbe(msgspec.Struct, frozen=True, kw_only=True):
    """A song that can be taken."""

    duration: float
    """Seconds of sound that decode."""
    codec: str
    container: str
    channels: int
    sample_rate: int
    silent: bool = False
    notices: tuple[Notice, ...] = ()
    title: str = ""
    """By the file's tags."""


class ImageProbe(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that can be taken: pixels, and jpeg, png or webp."""

    width: int
    height: int
    format: str


class ClipProbe(msgspec.Struct, frozen=True, kw_only=True):
    """A video clip that can be taken."""

    duration: float
    """Seconds from the first picture to the end of the last."""
    codec: str
    container: str
    width: int
    height: int
    """Pixels as it is shown, turned if the file says so."""
    frames: int
    """Pictures that decode."""


async def probe_song(path: Path, pool: WorkerPool | None = None) -> SongProbe:
    """What the song holds, decoded to its end. Without a pool, a child is started for this alone.

    Raises `Permanent`: empty_file, file_too_large, unsafe_media, not_media, no_audio_stream, song_too_short,
    song_too_long.
    """
    check_song_file(path)
    return await _in_child(pool, probe_song_here, path, SONG_TIMEOUT_S, "not_media")


async def probe_image(path: Path, pool: WorkerPool | None = None) -> ImageProbe:
    """What the picture is, decoded once.

    Raises `Permanent`: empty_file, file_too_large, bad_image or image_too_large.
    """
    read_image_head(path)
    return await _in_child(pool, probe_image_here, path, IMAGE_TIMEOUT_S, "bad_image")


async def probe_clip(path: Path, pool: WorkerPool | None = None) -> ClipProbe:
    """What the clip shows, decoded to its end. Its sound is not looked at.

    Raises `Permanent`: empty_file, file_too_large, unsafe_media, no_video_stream, image_too_large, video_too_long.
    """
    try:
        check_song_file(path, MAX_CLIP_BYTES)
        return await _in_child(pool, probe_clip_here, path, CLIP_TIMEOUT_S, "not_media")
    except Permanent as error:
        if error.code != "not_media":
            raise
        text, hint = "The file is no video that can be decoded.", "Send MP4, MOV, MKV or WebM."
        raise Permanent("no_video_stream", text, hint=hint) from error


async def probe_lyrics(path: Path) -> LyricsFormat:
    """lrc, srt or txt. Raises `Permanent`: empty_file, file_too_large, bad_lyrics."""
    return read_lyrics(path)[1]


async def _in_child(
    pool: WorkerPool | None, work: Callable[[str], T], path: Path, timeout_s: float, code: str
) -> T:
    from libs.runtime.workers import WorkerPool as Pool  # noqa: PLC0415  - children that call the rest need no pool

    try:
        if pool is not None:
            return (await pool.run(work, str(path), timeout_s=timeout_s)).value
        async with Pool(1) as own:
            return (await own.run(work, str(path), timeout_s=timeout_s)).value
    except Retryable as error:
        if error.code in ("timeout", "unexpected"):
            raise Permanent(code, "Decoding the file takes too much time or memory.") from error
        raise


def probe_song_here(path: str) -> SongProbe:
    """`probe_song` in this very process: for a child."""
    try:
        with memory_limit(SONG_MEMORY):
            return _probe_song(Path(path))
    except BeatloomError:
        raise
    except Exception as error:  # whatever a hostile file makes the decoder raise
        raise Permanent("not_media") from error


def _probe_song(path: Path) -> SongProbe:
    demuxer = check_song_file(path)
    with open_media(path) as container:
        if not container.streams.audio:
            raise Permanent("no_audio_stream")
        stream = container.streams.audio[0]
        stream.thread_type = "NONE"
        heard = _Heard()
        peak = 0.0
        for chunk in resampled(heard.counted(decoded(container, stream))):
            if chunk.size:
                peak = max(peak, _loudest(chunk))
        seconds = heard.seconds
        if not heard.rate:
            raise Permanent("not_media")
        if seconds < MIN_SONG_SECONDS:
            raise Permanent("song_too_short")
        declared = _declared_seconds(container, stream, demuxer, path, seconds)
        codec = stream.codec_context.name
        title = song_title({**container.metadata, **stream.metadata})
    notices: tuple[Notice, ...] = ()
    if declared is not None and declared - seconds > max(0.5, 0.005 * declared):
        text = f"The file ends after {seconds:.1f} of {declared:.1f} seconds; what is there is used."
        notices = (Notice(code="truncated_song", message=text),)
    elif demuxer == "ogg" and _ogg_breaks_off(path):
        text = f"The file breaks off after {seconds:.1f} seconds; what is there is used."
        notices = (Notice(code="truncated_song", message=text),)
    return SongProbe(
        duration=seconds,
        codec=codec,
        container=demuxer,
        channels=heard.channels,
        sample_rate=heard.rate,
        silent=peak < 1e-4,
        notices=notices,
        title=title,
    )


class _Heard:
    """Counts the frames that pass."""

    def __init__(self) -> None:
        self.rate = 0
        self.channels = 0
        self._samples: dict[int, int] = {}

    @property
    def seconds(self) -> float:
        """Of sound so far, from whole samples: sums of seconds would come out short of 5."""
        return sum(count / rate for rate, count in self._samples.items())

    def counted(self, frames: Iterator[av.AudioFrame]) -> Iterator[av.AudioFrame]:
        """The same frames. Raises `Permanent`: song_too_long, or what `_mix_down` raises."""
        for frame in frames:
            if not frame.sample_rate:
                continue
            if not self.rate:
                _mix_down(frame)
                self.rate, self.channels = frame.sample_rate, frame.layout.nb_channels
            self._samples[frame.sample_rate] = self._samples.get(frame.sample_rate, 0) + frame.samples
            if self.seconds > MAX_SONG_SECONDS + 0.1:
                raise Permanent("song_too_long")
            yield frame


def _mix_down(frame: av.AudioFrame) -> None:
    """Try what the video's sound will need. Raises `Permanent` for channels that are in no known order."""
    try:
        av.AudioResampler(format="fltp", layout="stereo").resample(frame)
    except (av.error.FFmpegError, ValueError) as error:
        told = f"Sound of {frame.layout.nb_channels} channels can't be mixed down."
        raise Permanent("not_media", told, hint="Send the song in stereo.") from error


def _loudest(chunk: Samples) -> float:
    """The greatest distance from zero. Raises `Permanent` for samples of which no encoder makes sound."""
    found = max(float(chunk.max()), -float(chunk.min()))
    if not math.isfinite(found):
        raise Permanent("not_media", "The file holds samples that are no numbers.", hint="Export the song anew.")
    return found


def _ogg_breaks_off(path: Path) -> bool:
    """True when the last page isn't whole, or isn't marked as the last."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2 * _LONGEST_PAGE))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27:
        return True
    lengths = page[27 : 27 + page[26]]
    return len(page) < 27 + len(lengths) + sum(lengths) or not page[5] & 4


def _declared_seconds(
    container: av.container.InputContainer, stream: av.AudioStream, demuxer: str, path: Path, decoded_seconds: float
) -> float | None:
    """How long the file says its sound is; None where it doesn't say, or only a guess from the bit rate exists."""
    if demuxer == "wav":
        return decoded_seconds * _missing_factor(path)
    if demuxer == "mp3":
        with path.open("rb") as file:
            file.seek(id3_length(file.read(10)))
            first = file.read(512)
        if b"Xing" not in first and b"Info" not in first:
            return None
    elif demuxer not in _DECLARES_LENGTH:
        return None
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    moving = [video for video in container.streams.video if not _is_cover(video)]
    if moving or container.duration is None:
        return None
    return container.duration / 1_000_000


def _missing_factor(path: Path) -> float:
    """How many times its present size a WAV file says that it has; libav believes the size that it finds."""
    with path.open("rb") as file:
        head = file.read(8)
    size = path.stat().st_size
    declared = int.from_bytes(head[4:8], "little") + 8
    is_unknown = head[:4] != b"RIFF" or declared in (8, 0xFFFFFFFF + 8)
    return 1.0 if is_unknown else max(declared / size, 1.0)


def _is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def probe_image_here(path: str) -> ImageProbe:
    """The same as `probe_image`, in this very process: for a child."""
    head = read_image_head(Path(path))
    demuxer = f"{head.format}_pipe"
    try:
        with (
            memory_limit(IMAGE_MEMORY),
            av.open(
                path, format=demuxer, options={"protocol_whitelist": OPEN_OPTIONS["protocol_whitelist"]}
            ) as file,
        ):
            stream = file.streams.video[0]
            stream.codec_context.options = {"err_detect": "explode"}  # a picture that breaks off is no picture
            frame = next(file.decode(stream))
            if (frame.width, frame.height) != (head.width, head.height):
                raise Permanent("bad_image")
    except BeatloomError:
        raise
    except Exception as error:  # whatever a hostile file makes the decoder raise
        raise Permanent("bad_image") from error
    return ImageProbe(width=head.width, height=head.height, format=head.format)


def probe_clip_here(path: str) -> ClipProbe:
    """`probe_clip` in this very process: for a child."""
    try:
        with memory_limit(CLIP_MEMORY):
            return _probe_clip(Path(path))
    except BeatloomError:
        raise
    except Exception as error:  # whatever a hostile file makes the decoder raise
        raise Permanent("not_media") from error


def _probe_clip(path: Path) -> ClipProbe:
    demuxer = check_song_file(path, MAX_CLIP_BYTES)
    with open_media(path) as container:
        stream = next((one for one in container.streams.video if not _is_cover(one)), None)
        if stream is None:
            raise Permanent("no_video_stream")
        if max(stream.codec_context.width, stream.codec_context.height) > MAX_CLIP_SIDE:
            raise Permanent("image_too_large", f"The clip's picture is larger than {MAX_CLIP_SIDE} on a side.")
        stream.thread_type = "NONE"
        frames, first, end, size = 0, 0.0, 0.0, (0, 0)
        step = 1 / float(stream.average_rate or 30)
        for frame in before_the_break(decoded(container, stream)):
            at = time_of(frame) if frame.pts is not None else end
            if not frames:
                turned = round(getattr(frame, "rotation", 0) / 90) % 2
                first, size = at, (frame.height, frame.width) if turned else (frame.width, frame.height)
            frames, end = frames + 1, max(end, at - first + step)
            if end > MAX_CLIP_SECONDS:
                raise Permanent("video_too_long", f"The clip is longer than {MAX_CLIP_SECONDS:g} seconds.")
        if not frames:
            raise Permanent("no_video_stream", "No picture of the clip can be decoded.")
        return ClipProbe(
            duration=end,
            codec=stream.codec_context.name,
            container=demuxer,
            width=size[0],
            height=size[1],
            frames=frames,
        )
