"""Takes the metadata out of what a server saved: ComfyUI writes the whole prompt into every file.

Pictures keep their pixels, sounds and clips their packets, bit for bit. What is not known to be needed is left out.
For a worker child: the files come from outside.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
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
_JPEG_MARK = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What ends the pixels of a scan."""
_SOS, _END = 0xDA, b"\xff\xd9"

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
    target.write_bytes(picture(_read(source)))


def plain_picture(source: Path) -> bytes:
    """A PNG, JPEG or WebP picture without its metadata. Raises Permanent: bad_image, file_too_large."""
    with source.open("rb") as file:
        picture = _picture(file.read(12))
    if picture is None:
        raise Permanent("bad_image", "The file is no PNG, JPEG or WebP.")
    return picture(_read(source))


def _read(source: Path) -> bytes:
    if source.stat().st_size > LARGEST_PICTURE:
        raise Permanent("file_too_large")
    return source.read_bytes()


def _picture(head: bytes) -> Callable[[bytes], bytes] | None:
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
        if kind == b"VP8X" and len(chunk) > 8:
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
        if past > end:
            raise Permanent("bad_image", "The WebP file breaks off.")
        yield kind, data[place:past]
        place = past


def strip_jpeg(data: bytes) -> bytes:
    """A JPEG picture without Exif, XMP, comments, and what is hung on behind its end.

    Raises Permanent("bad_image") when it is damaged or breaks off.
    """
    kept = [data[:2]]
    place = 2
    while place + 4 <= len(data) or data[place:] == _END:
        mark, kind = data[place : place + 2]
        if mark != 0xFF:
            break
        if kind == 0xFF:  # padding
            place += 1
            continue
        if kind == _END[1]:
            return b"".join([*kept, _END])
        past = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if kind == _SOS:  # the pixels follow, up to the next mark
            found = _JPEG_MARK.search(data, past)
            if found is None:
                break
            past = found.start()
        if kind in _JPEG_KEPT or not (0xE0 <= kind <= 0xEF or kind == 0xFE):
            kept.append(data[place:past])
        place = past
    raise Permanent("bad_image", "The JPEG file is damaged, or breaks off.")


def remux(source: Path, target: Path) -> None:
    """Copy picture and sound of a clip, or a sound, into a new file of the same kind: packets, no metadata.

    A clip that breaks off is copied up to there, if its kind can be read so far. Raises Permanent("not_media").
    """
    failure: Exception | None = None
    for muxer in _muxers(source):
        try:
            _copy(source, target, muxer)
        except (Permanent, OSError):
            raise
        except (av.error.FFmpegError, ValueError) as error:
            failure = error
        else:
            return
    raise Permanent("not_media", f"The file can't be copied: {failure}") from failure


def _muxers(source: Path) -> Iterator[str]:
    """What may write the file anew, the best first: Matroska takes everything."""
    demuxer = str(demuxer_of(source))
    if demuxer in _MUXERS:
        yield _MUXERS[demuxer]
    if demuxer == "mov":
        yield "mov"
    with open_media(source) as old:
        names = {stream.codec_context.name.removeprefix("lib") for stream in old.streams if _is_wanted(stream)}
    if not names:
        raise Permanent("not_media")
    if demuxer not in _MUXERS:
        yield "webm" if names <= _WEBM else "matroska"


def _copy(source: Path, target: Path, muxer: str) -> None:
    options = {"fflags": "+bitexact", **_OPTIONS.get(muxer, {})}
    with open_media(source) as old, av.open(str(target), "w", format=muxer, options=options) as new:
        streams = [stream for stream in old.streams if _is_wanted(stream)]
        # As it is in the file: a new encoder's context would need an encoder of the decoder's name.
        copies = {stream.index: new.add_stream_from_template(stream, opaque=True) for stream in streams}
        for copy in copies.values():
            copy.metadata.clear()
        for packet in old.demux(streams):
            if packet.size:
                packet.stream = copies[packet.stream_index]
                new.mux(packet)


def _is_wanted(stream: Any) -> bool:
    still = bool(stream.disposition & av.stream.Disposition.attached_pic)
    return stream.type in ("video", "audio") and not still
