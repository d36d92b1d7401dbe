"""What a user's file must be before any decoder sees it. Reads a few bytes; opens nothing with libav."""

from __future__ import annotations

import re
import resource
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from libs.contracts.errors import Permanent
from libs.media.formats import HEAD_BYTES, demuxer_of, refers_elsewhere

MAX_SONG_BYTES = 200_000_000
MIN_SONG_SECONDS = 5.0
MAX_SONG_SECONDS = 15 * 60.0
MAX_CLIP_BYTES = 200_000_000
MAX_CLIP_SECONDS = 120.0
MAX_CLIP_SIDE = 4096
MAX_VIDEO_BYTES = 100_000_000_000
MAX_IMAGE_BYTES = 30_000_000
MAX_IMAGE_PIXELS = 50_000_000
MAX_DEEP_PIXELS = 25_000_000
"""Of a picture with 16 bits a channel, so that decoding one stays below 600 MB."""
MAX_IMAGE_SIDE = 16_384
MAX_LYRICS_BYTES = 200_000

WEBP_ANIMATED = 0x02
"""The flag in the VP8X header."""

LyricsFormat = Literal["lrc", "srt", "txt"]


class ImageHead(NamedTuple):
    """What a picture's own header says: pixels, jpeg, png or webp, and whether its channels have 16 bits."""

    width: int
    height: int
    format: str
    deep: bool = False


@contextmanager
def memory_limit(extra_bytes: int) -> Iterator[None]:
    """Within it, this process can map at most `extra_bytes` more than now; past that, allocations fail."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    ceiling = pages * resource.getpagesize() + extra_bytes
    if hard != resource.RLIM_INFINITY:
        ceiling = min(ceiling, hard)
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _head(path: Path, limit: int) -> bytes:
    """The first bytes of a regular file of 1 to `limit` bytes. Raises `Permanent`: empty_file, file_too_large."""
    if not path.is_file():
        raise Permanent("not_media", "This is no file.")
    size = path.stat().st_size
    if size == 0:
        raise Permanent("empty_file")
    if size > limit:
        raise Permanent("file_too_large")
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def check_song_file(path: Path, limit: int = MAX_SONG_BYTES) -> str:
    """The demuxer for a song's or a video's file of at most `limit` bytes, by its content alone.

    Raises `Permanent`: empty_file, file_too_large, unsafe_media (a playlist, or a movie whose sound lies in
    another file) or not_media.
    """
    head = _head(path, limit)
    if refers_elsewhere(head):
        raise Permanent("unsafe_media")
    demuxer = demuxer_of(path)
    if demuxer is None:
        raise Permanent("not_media")
    if demuxer == "mov":
        with path.open("rb") as file:
            if _movie_refers_elsewhere(file, 0, path.stat().st_size, 0):
                raise Permanent("unsafe_media")
    return demuxer


_BOXES_WITH_CHILDREN = frozenset({b"moov", b"trak", b"mdia", b"minf", b"dinf", b"rmra", b"rmda"})
_MAX_BOXES = 4096


def _movie_refers_elsewhere(file: BinaryIO, start: int, end: int, depth: int) -> bool:
    """True when a box of an MP4 or MOV file names another file as the place of its data."""
    at = start
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return False
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return False
        size, kind = struct.unpack(">I4s", head[:8])
        body = at + 8
        if size == 1 and len(head) == 16:
            size = int.from_bytes(head[8:16], "big")
            body = at + 16
        stop = end if size == 0 else min(at + size, end)
        if kind == b"rdrf" or (kind == b"dref" and _reference_outside(file, body, stop)):
            return True
        if kind in _BOXES_WITH_CHILDREN and depth < 8 and _movie_refers_elsewhere(file, body, stop, depth + 1):
            return True
        if stop <= at + 7:
            return False
        at = stop
    return False


def _reference_outside(file: BinaryIO, body: int, stop: int) -> bool:
    file.seek(body)
    data = file.read(min(stop - body, 1 << 16))
    at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        in_this_file = data[at + 11] & 1
        if not in_this_file:
            return True
        if size < 12:
            return False
        at += size
    return False


def read_image_head(path: Path) -> ImageHead:
    """Format and size of a picture from its own header, before anything decodes it.

    Raises `Permanent`: empty_file, file_too_large, bad_image (an animated WebP too) or image_too_large.
    """
    head = _head(path, MAX_IMAGE_BYTES)
    found = _png_size(head) or _webp_size(head) or _jpeg_size(path, head)
    if found is None or found.width < 1 or found.height < 1:
        raise Permanent("bad_image")
    pixels = found.width * found.height
    if pixels > MAX_IMAGE_PIXELS or max(found.width, found.height) > MAX_IMAGE_SIDE:
        raise Permanent("image_too_large")
    if found.deep and pixels > MAX_DEEP_PIXELS:
        raise Permanent("image_too_large", hint="With 16 bits a channel a picture may have 25 megapixels.")
    return found


def _png_size(head: bytes) -> ImageHead | None:
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", head[16:24])
    return ImageHead(width, height, "png", deep=head[24] == 16)


def _webp_size(head: bytes) -> ImageHead | None:
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    kind = head[12:16]
    if kind == b"VP8X":
        if head[20] & WEBP_ANIMATED:
            hint = "Send a still picture: JPEG, PNG or WebP."
            raise Permanent("bad_image", "The picture is an animated WebP.", hint=hint)
        return ImageHead(
            int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1, "webp"
        )
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return ImageHead((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, "webp")
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return ImageHead(width & 0x3FFF, height & 0x3FFF, "webp")
    return None


def _jpeg_size(path: Path, head: bytes) -> ImageHead | None:
    if head[:2] != b"\xff\xd8":
        return None
    with path.open("rb") as file:
        at = 2
        for _ in range(1000):
            file.seek(at)
            marker = file.read(9)
            if len(marker) < 9 or marker[0] != 0xFF:
                return None
            if marker[1] == 0xFF:
                at += 1
            elif 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
                height, width = struct.unpack(">HH", marker[5:9])
                return ImageHead(width, height, "jpeg")
            else:
                at += 2 + int.from_bytes(marker[2:4], "big")
    return None


_SRT_TIME = re.compile(r"^\s*\d{1,3}:\d{2}:\d{2}[,.]\d{1,3}\s*-->", re.MULTILINE)
_LRC_TIME = re.compile(r"^\s*\[\d{1,3}:\d{1,2}([.:]\d{1,3})?\]", re.MULTILINE)


def read_lyrics(path: Path) -> tuple[str, LyricsFormat]:
    """The text of a lyrics file, line ends as newlines, and its format as its content shows it.

    Raises `Permanent`: empty_file, file_too_large or bad_lyrics.
    """
    _head(path, MAX_LYRICS_BYTES)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Permanent("bad_lyrics", "The lyrics are not UTF-8 text.") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if any(character < " " and character not in "\t\n\f\v" for character in text):
        raise Permanent("bad_lyrics", "The lyrics hold control characters.")
    if not text.strip():
        raise Permanent("bad_lyrics", "The lyrics are empty.")
    if _SRT_TIME.search(text):
        return text, "srt"
    return text, "lrc" if _LRC_TIME.search(text) else "txt"
