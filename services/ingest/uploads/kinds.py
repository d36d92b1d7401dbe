"""The kinds of files that are taken, and what a file is: by its content, never by a name or a header."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec

from libs.contracts.analysis import Notice
from libs.media.guards import MAX_CLIP_BYTES, MAX_IMAGE_BYTES, MAX_LYRICS_BYTES, MAX_SONG_BYTES
from libs.media.probe import (
    ClipProbe,
    ImageProbe,
    SongProbe,
    probe_clip,
    probe_image,
    probe_lyrics,
    probe_song,
)
from libs.runtime.workers import WorkerPool

Meta = msgspec.Meta

UploadKind = Literal["audio", "image", "lyrics", "clip"]

LIMITS: MappingProxyType[UploadKind, int] = MappingProxyType(
    {"audio": MAX_SONG_BYTES, "image": MAX_IMAGE_BYTES, "lyrics": MAX_LYRICS_BYTES, "clip": MAX_CLIP_BYTES}
)
"""The most bytes of a file of each kind."""

MEDIA_TYPES = MappingProxyType(
    {
        "mp3": "audio/mpeg",
        "mov": "audio/mp4",
        "wav": "audio/wav",
        "flac": "audio/flac",
        "ogg": "audio/ogg",
        "aac": "audio/aac",
        "aiff": "audio/aiff",
    }
)
"""Media types of songs by the demuxer that opens them."""

OTHER = "application/octet-stream"

CLIP_TYPES = MappingProxyType({"mov": "video/mp4", "matroska": "video/x-matroska", "avi": "video/x-msvideo"})
"""The same of clips."""


class FileFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found by decoding the file; only what its kind has."""

    duration: Annotated[float | None, Meta(description="Seconds that decode: audio, clip.")] = None
    container: Annotated[str, Meta(description="audio, clip.")] = ""
    codec: Annotated[str, Meta(description="audio, clip.")] = ""
    channels: Annotated[int | None, Meta(description="audio.")] = None
    sample_rate: Annotated[int | None, Meta(description="Hz; audio.")] = None
    silent: Annotated[bool, Meta(description="There is nothing to hear; audio.")] = False
    title: Annotated[str, Meta(description="By the file's tags; audio.")] = ""
    width: Annotated[int | None, Meta(description="Pixels: image, clip (as it is shown).")] = None
    height: Annotated[int | None, Meta(description="Pixels: image, clip (as it is shown).")] = None
    frames: Annotated[int | None, Meta(description="Pictures that decode; clip.")] = None
    format: Annotated[str, Meta(description="image: jpeg, png, webp; lyrics: txt, lrc, srt.")] = ""
    notices: tuple[Notice, ...] = ()


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a file is."""

    media_type: str
    facts: FileFacts


async def read_content(kind: UploadKind, path: Path, pool: WorkerPool) -> Content:
    """What the file holds, decoded in a guarded child.

    Raises Permanent as the probe of its kind does: empty_file, file_too_large, not_media, unsafe_media,
    no_audio_stream, song_too_short, song_too_long, bad_image, image_too_large, bad_lyrics, no_video_stream,
    video_too_long.
    """
    match kind:
        case "audio":
            song = await probe_song(path, pool)
            return _content(MEDIA_TYPES.get(song.container, OTHER), song)
        case "image":
            picture = await probe_image(path, pool)
            return _content(f"image/{picture.format}", picture)
        case "lyrics":
            facts = FileFacts(format=await probe_lyrics(path))
            return Content(media_type="text/plain; charset=utf-8", facts=facts)
        case "clip":
            clip = await probe_clip(path, pool)
            return _content(CLIP_TYPES.get(clip.container, OTHER), clip)


def _content(media_type: str, probe: SongProbe | ImageProbe | ClipProbe) -> Content:
    """What a probe found under the same names."""
    return Content(media_type=media_type, facts=msgspec.convert(probe, FileFacts, from_attributes=True))
