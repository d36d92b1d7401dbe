"""Takes the metadata out of what a server saved: ComfyUI writes the whole prompt into every file.

Pictures keep their pixels, sounds and clips their packets, bit for bit. What is not known to be needed is left out.
For a worker child: the files come from outside.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from libs.contracts.errors import Permanent
from libs.media.formats import demuxer_of
from libs.media.sound import open_media

LARGEST_PICTURE = 300_000_000

PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT pHYs cICP mDCV cLLI acTL fcTL fdAT".split()
)
_WEBP_KEPT = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_WEBP_TOLD = 0x08 | 0x04
"""The flags of VP8X that say that Exif and XMP follow."""
_JPEG_KEPT = frozenset((0xE0, 0xE2, 0xEE))
"""JFIF, the colour profile, and Adobe's segment, which says how colours are coded."""

_MUXERS = {"mov": "mp4", "flac": "flac", "mp3": "mp3", "ogg": "ogg", "wav": "wav"}
_WEBM = frozenset(("vp8", "vp9", "av1", "opus", "vorbis"))
_OPTIONS = {"mp4": {"movflags": "+faststart"}, "mp3": {"id3v2_version": "0"}}


def strip(source: Path, target: Path) -> None:
    """Write `source`, a picture, a clip or a sound, to `target` without its metadata.

    Raises Permanent: not_media, bad_image; OSError when the disk is full.
    """
    with source.open("rb") as file:
        head = file.read(12)
    picture = _picture(head)
    if picture is None:
        remux(source, target)
        return
    if source.stat().st_size > LARGEST_PICTURE:
        raise Permanent("file_too_large")
    target.write_bytes(picture(source.read_bytes()))


def _picture(head: bytes) -> Any:
    if head.startswith(PNG):
        return strip_png
    if head.startswith(b"\xff\xd8\xff"):
        return strip_jpeg
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return strip_webp
    return None


def strip_png(data: bytes) -> bytes:
    """A PNG picture without texts and Exif. Raises Permanent("bad_image") when it is damaged or breaks off."""
    kept = [PNG]
    place, kind = len(PNG), b""
    while kind != b"IEND":
        if place + 12 > len(data):
            raise Permanent("bad_image", "The PNG file breaks off.")
        length, kind = struct.unpack_from(">I4s", data, place)
        chunk = data[place : place + 12 + length]
        if len(chunk) < 12 + length or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise Permanent("bad_image", "The PNG file is damaged.")
        if kind in _PNG_KEPT:
            kept.append(chunk)
        place += len(chunk)
    return b"".join(kept)


def strip_webp(data: bytes) -> bytes:
    """A WebP picture, moving or not, without Exif and XMP. Raises Permanent("bad_image") when it breaks off."""
    kept = []
    for kind, chunk in _riff_chunks(data):
        if kind == b"VP8X":
            kept.append(chunk[:8] + bytes([chunk[8] & ~_WEBP_TOLD]) + chunk[9:])
        elif kind in _WEBP_KEPT:
            kept.append(chunk)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place, end = 12, 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise Permanent("bad_image", "The WebP file breaks off.")
    while place + 8 < end:
        kind, length = struct.unpack_from("<4sI", data, place)
        past = place + 8 + length + length % 2
        yield kind, data[place:past]
        place = past


def strip_jpeg(data: bytes) -> bytes:
    """A JPEG picture without Exif, XMP and comments. Raises Permanent("bad_image") when its head is damaged."""
    kept = [data[:2]]
    place = 2
    while place + 4 <= len(data):
        mark, kind, length = struct.unpack_from(">BBH", data, place)
        if mark != 0xFF:
            break
        if kind == 0xDA:  # the pixels follow, to the end
            return b"".join([*kept, data[place:]])
        if kind in _JPEG_KEPT or not (0xE0 <= kind <= 0xEF or kind == 0xFE):
            kept.append(data[place : place + 2 + length])
        place += 2 + length
    raise Permanent("bad_image", "The JPEG file is damaged.")


def remux(source: Path, target: Path) -> None:
    """Copy picture and sound of a clip, or a sound, into a new file of the same kind: packets, no metadata.

    A clip that breaks off is copied up to there, if its kind can be read so far. Raises Permanent("not_media").
    """
    demuxer = demuxer_of(source)
    with open_media(source) as old:
        streams = [stream for stream in old.streams if _is_wanted(stream)]
        if not streams:
            raise Permanent("not_media")
        muxer = _MUXERS.get(str(demuxer)) or _matroska(streams)
        try:
            options = {"fflags": "+bitexact", **_OPTIONS.get(muxer, {})}
            with av.open(str(target), "w", format=muxer, options=options) as new:
                copies = {stream.index: new.add_stream_from_template(stream) for stream in streams}
                for copy in copies.values():
                    copy.metadata.clear()
                for packet in old.demux(streams):
                    if packet.size:
                        packet.stream = copies[packet.stream_index]
                        new.mux(packet)
        except OSError:
            raise
        except (av.error.FFmpegError, ValueError) as error:
            raise Permanent("not_media", f"The file can't be copied: {error}") from error


def _is_wanted(stream: Any) -> bool:
    still = bool(stream.disposition & av.stream.Disposition.attached_pic)
    return stream.type in ("video", "audio") and not still


def _matroska(streams: list[Any]) -> str:
    return "webm" if {stream.codec_context.name for stream in streams} <= _WEBM else "matroska"
