"""HTTP ranges and validators (RFC 9110), as pure functions over one representation."""

from __future__ import annotations

import re
from typing import NamedTuple

_ONE_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,19})[ \t]*-[ \t]*([0-9]{0,19})[ \t]*", re.IGNORECASE)


class Span(NamedTuple):
    """Bytes `start` (included) to `end` (excluded)."""

    start: int
    end: int


class Answer(NamedTuple):
    """What to answer: 200 with the whole, 206 with a part, 304 or 416 with nothing."""

    status: int
    span: Span


def etag(sha256: str) -> str:
    """A strong validator: the digest of the bytes."""
    return f'"{sha256}"'


def answer(*, size: int, tag: str, range_: str, if_range: str, if_none_match: str) -> Answer:
    """What a GET or HEAD with these headers (each "" when not sent) gets of `size` bytes with the ETag `tag`.

    A Range that makes no sense, or names more than one range, is ignored, as the RFC allows.
    """
    if if_none_match and _matches(if_none_match, tag):
        return Answer(304, Span(0, 0))
    if not range_ or (if_range and if_range.strip() != tag):
        return Answer(200, Span(0, size))
    found = _ONE_RANGE.fullmatch(range_.strip())
    if found is None:
        return Answer(200, Span(0, size))
    return _part(found[1], found[2], size)


def _part(first: str, last: str, size: int) -> Answer:
    """The answer to `bytes=first-last`, either of which may be empty."""
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
        senseless = bool(last) and int(last) < start
    else:
        start, end = size - min(int(last or 0), size), size
        senseless = not last
    if senseless:
        return Answer(200, Span(0, size))
    return Answer(206, Span(start, end)) if start < size else Answer(416, Span(0, 0))


def _matches(if_none_match: str, tag: str) -> bool:
    if if_none_match.strip() == "*":
        return True
    return tag in (item.strip().removeprefix("W/") for item in if_none_match.split(","))
