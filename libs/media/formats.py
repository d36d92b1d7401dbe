"""Which kinds of file are opened at all, and how a file's first bytes tell its kind.

ffmpeg's own probing would accept playlists and scripts that make it open other files or addresses. So the
content is matched here first, and only then is one named demuxer opened, with no protocol but `file`.
"""

from __future__ import annotations

from pathlib import Path

DEMUXERS = (
    "mp3",
    "mov",
    "wav",
    "w64",
    "flac",
    "ogg",
    "aac",
    "aiff",
    "matroska",
    "avi",
    "mpegts",
    "caf",
    "asf",
    "flv",
)
"""The demuxers that may be opened. None of them follows references to other files, given `OPEN_OPTIONS`."""

OPEN_OPTIONS = {
    "protocol_whitelist": "file",
    "enable_drefs": "0",
    "use_absolute_path": "0",
    "probesize": str(8 << 20),
    "analyzeduration": "5000000",
}
"""Options for every opening of a user's file by libav."""

HEAD_BYTES = 4096
"""How much of a file's beginning `sniff` wants to see."""

_PLAYLISTS = (
    b"#EXTM3U",
    b"ffconcat",
    b"[playlist]",
    b"[Reference]",
    b"<ASX",
    b"<asx",
    b"<smil",
    b"<?wpl",
    b"<playlist",
    b"v=0\n",
    b"v=0\r",
    b"RTSPtext",
    b"rtsptext",
    b"SMIL",
    b"#!AVS",
    b"[InternetShortcut]",
)
"""How playlists, manifests and descriptions of other files begin."""

_REFERS = (
    b"<MPD",
    b"<SmoothStreamingMedia",
    b"urn:mpeg:dash",
    b"#EXT-X-",
    b"#EXTINF",
    b"http://",
    b"https://",
    b"file:",
    b"rtsp://",
    b"rtmp://",
    b"concat:",
    b"subfile:",
    b"<svg",
    b"<!ENTITY",
)
"""Marks that, in a text, say that it refers to something else."""


def _is_text(head: bytes) -> bool:
    return bool(head) and not any(byte < 9 or 13 < byte < 32 for byte in head)


def _has_sync(head: bytes, mask: int, value: int) -> bool:
    return len(head) >= 2 and (int.from_bytes(head[:2], "big") & mask) == value


def refers_elsewhere(head: bytes) -> bool:
    """True when the first bytes are those of a playlist, a manifest or any text that names other files."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(_PLAYLISTS):
        return True
    if not _is_text(text):
        return False
    if any(mark in text for mark in _REFERS):
        return True
    return text.startswith((b"file ", b"duration ", b"ffmetadata"))


_MAGIC: tuple[tuple[str, tuple[tuple[int, bytes], ...]], ...] = (
    ("wav", ((0, b"RIFF"), (8, b"WAVE"))),
    ("wav", ((0, b"RF64"), (8, b"WAVE"))),
    ("wav", ((0, b"BW64"), (8, b"WAVE"))),
    ("avi", ((0, b"RIFF"), (8, b"AVI"))),
    ("w64", ((0, b"riff\x2e\x91\xcf\x11"),)),
    *(("mov", ((4, box),)) for box in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
    ("flac", ((0, b"fLaC"),)),
    ("ogg", ((0, b"OggS"),)),
    ("matroska", ((0, b"\x1aE\xdf\xa3"),)),
    ("aiff", ((0, b"FORM"), (8, b"AIFF"))),
    ("aiff", ((0, b"FORM"), (8, b"AIFC"))),
    ("caf", ((0, b"caff"),)),
    ("flv", ((0, b"FLV"),)),
    ("asf", ((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),)),
    ("mpegts", ((0, b"G"), (188, b"G"), (376, b"G"))),
    ("mp3", ((0, b"ID3"),)),
)
"""Demuxers with the bytes, and their places, that a file for them begins with."""


def sniff(head: bytes) -> str | None:
    """The demuxer for a file that begins with `head`, or None when it is none that we open."""
    for demuxer, marks in _MAGIC:
        if all(head[at : at + len(mark)] == mark for at, mark in marks):
            return demuxer
    if _has_sync(head, 0xFFF6, 0xFFF0):
        return "aac"
    if _has_sync(head, 0xFFE0, 0xFFE0):
        return "mp3"
    return None


def id3_length(head: bytes) -> int:
    """How many bytes the ID3 tag takes that a file begins with; 0 where there is none."""
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return 10 + size + (10 if head[5] & 0x10 else 0)


def demuxer_of(path: Path) -> str | None:
    """`sniff` of a file. A tag in front is looked past, since FLAC and AAC may have one, too."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        found = sniff(head)
        if not id3_length(head):
            return found
        file.seek(id3_length(head))
        behind = sniff(file.read(HEAD_BYTES))
    return behind if behind in ("flac", "aac") else found
