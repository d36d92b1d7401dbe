"""A ZIP file whose every byte follows from a list of its files: so that any part of it can be sent at any time.

Sizes and checksums are known ahead; nothing is compressed, since videos don't get smaller.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import NamedTuple

import msgspec

_LIMIT = 0xFFFF_FFFF
"""A size or offset of this or more stands in an extra field (ZIP64)."""
_MANY = 0xFFFF
_PLAIN, _ZIP64 = 20, 45
"""Versions of the format that a reader must know."""
_UTF8 = 0x0800
_UNIX = 3 << 8
_MODE = 0o100644 << 16

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A file in the archive, and where its bytes are."""

    path: str
    size: int
    crc32: int
    key: str
    """Of the object in the store."""
    start: int = 0
    """Where in the object it begins."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All that an archive follows from."""

    made_at: datetime
    entries: tuple[Entry, ...]


class Span(NamedTuple):
    """Bytes of an object, from `start` up to `end`, excluded."""

    key: str
    start: int
    end: int


class Archive:
    """The ZIP file of a manifest. Nothing is read for it but what `pieces` names."""

    def __init__(self, manifest: Manifest) -> None:
        self._entries = manifest.entries
        self._when = _dos_time(manifest.made_at)
        lengths = [len(self._local(entry)) + entry.size for entry in self._entries]
        *self._offsets, self._files_end = accumulate(lengths, initial=0)
        self._tail = self._directory()
        self.size = self._files_end + len(self._tail)
        """Bytes of the whole file."""

    def pieces(self, start: int, end: int) -> Iterator[bytes | Span]:
        """What the file holds from `start` up to `end`, excluded: bytes, and spans of objects."""
        first = max(bisect_right(self._offsets, start) - 1, 0)
        for index in range(first, len(self._entries)):
            offset, entry = self._offsets[index], self._entries[index]
            if offset >= end:
                return
            head = self._local(entry)
            body = offset + len(head)
            if start < body:
                yield head[max(start - offset, 0) : end - offset]
            low, high = max(start - body, 0), min(end - body, entry.size)
            if low < high:
                yield Span(entry.key, entry.start + low, entry.start + high)
        if end > self._files_end:
            yield self._tail[max(start - self._files_end, 0) : end - self._files_end]

    def _local(self, entry: Entry) -> bytes:
        name, large = entry.path.encode(), entry.size >= _LIMIT
        extra = struct.pack("<2H2Q", 1, 16, entry.size, entry.size) if large else b""
        size = _LIMIT if large else entry.size
        needed = _ZIP64 if large else _PLAIN
        head = (b"PK\3\4", needed, _UTF8, 0, *self._when, entry.crc32, size, size, len(name), len(extra))
        return _LOCAL.pack(*head) + name + extra

    def _central(self, entry: Entry, offset: int) -> bytes:
        name, large, far = entry.path.encode(), entry.size >= _LIMIT, offset >= _LIMIT
        numbers = [*([entry.size, entry.size] if large else []), *([offset] if far else [])]
        extra = struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""
        size = _LIMIT if large else entry.size
        needed = _ZIP64 if numbers else _PLAIN
        head = (b"PK\1\2", _UNIX | needed, needed, _UTF8, 0, *self._when, entry.crc32, size, size)
        rest = (len(name), len(extra), 0, 0, 0, _MODE, _LIMIT if far else offset)
        return _CENTRAL.pack(*head, *rest) + name + extra

    def _directory(self) -> bytes:
        rows = b"".join(map(self._central, self._entries, self._offsets))
        count, begin = len(self._entries), self._files_end
        end64 = b""
        if count >= _MANY or begin >= _LIMIT or len(rows) >= _LIMIT:
            rest = _END64.size - 12
            whole = (count, count, len(rows), begin)
            end64 = _END64.pack(b"PK\6\6", rest, _UNIX | _ZIP64, _ZIP64, 0, 0, *whole)
            end64 += _LOCATOR.pack(b"PK\6\7", 0, begin + len(rows), 1)
        told = min(count, _MANY)
        end = _END.pack(b"PK\5\6", 0, 0, told, told, min(len(rows), _LIMIT), min(begin, _LIMIT), 0)
        return rows + end64 + end


def unique(paths: Sequence[str]) -> list[str]:
    """The paths, the later of two that readers may take for one with a number before its extension."""
    taken: set[str] = set()
    found = []
    for path in paths:
        stem, dot, extension = path.rpartition(".")
        one, number = path, 1
        while one.casefold() in taken:
            number += 1
            one = f"{stem}-{number}{dot}{extension}" if stem else f"{path}-{number}"
        taken.add(one.casefold())
        found.append(one)
    return found


def _dos_time(moment: datetime) -> tuple[int, int]:
    """Time and date as MS-DOS wrote them, in UTC."""
    at = moment.astimezone(UTC)
    date = (max(at.year, 1980) - 1980) << 9 | at.month << 5 | at.day
    return at.hour << 11 | at.minute << 5 | at.second // 2, date
