"""The picture of the canary: a small prompt that a server has to make well before it is given work. Pure.

It is looked at without a library that decodes: it is small, and who made it is not trusted yet.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from services.generator.comfyui.binding import Values

WIDTH, HEIGHT = 256, 144
VALUES: Values = {"width": WIDTH, "height": HEIGHT, "seed": 0}
MOST_BYTES = 1 << 20
"""Of its file, which is some hundred bytes, and of what is in it."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def is_well(png: bytes) -> bool:
    """Whether it is a whole PNG of the size that was ordered, and not black."""
    try:
        chunks = list(_chunks(png))
    except (struct.error, ValueError):
        return False
    if not chunks or chunks[0][0] != b"IHDR" or chunks[-1][0] != b"IEND":
        return False
    if struct.unpack(">II", chunks[0][1][:8]) != (WIDTH, HEIGHT):
        return False
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"), MOST_BYTES)
    except zlib.error:
        return False
    row, rest = divmod(len(data), HEIGHT)
    if not unpacking.eof or rest or row <= WIDTH:
        return False
    return any(any(data[start + 1 : start + row]) for start in range(0, len(data), row))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kinds and bodies. Raises ValueError, struct.error."""
    if not png.startswith(_SIGNATURE):
        raise ValueError("no PNG")
    place = len(_SIGNATURE)
    while place < len(png):
        size, kind = struct.unpack_from(">I4s", png, place)
        body = png[place + 8 : place + 8 + size]
        (sum_of_it,) = struct.unpack_from(">I", png, place + 8 + size)
        if zlib.crc32(kind + body) != sum_of_it:
            raise ValueError("broken")
        yield kind, body
        place += 12 + size
