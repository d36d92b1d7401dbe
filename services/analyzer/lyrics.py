"""Lyrics as people have them: .lrc (with word times too), .srt and plain text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from libs.contracts.analysis import Section, Word
from libs.contracts.errors import Permanent
from libs.type.coverage import missing

MAX_BYTES = 200_000

_STAMP = re.compile(r"\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]")
_WORD_STAMP = re.compile(r"<(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?>")
_TAG = re.compile(r"^\[([a-zA-Z#]+):(.*)\]\s*$")
_SRT_TIMES = re.compile(
    r"^\s*(\d{1,2}):(\d{2}):(\d{2})[,.](\d{1,3})\s*-->\s*(\d{1,2}):(\d{2}):(\d{2})[,.](\d{1,3})"
)
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")
_HEADING = re.compile(
    r"^\s*[\[(](verse|chorus|bridge|intro|outro|hook|pre-?chorus|refrain|break)\b.*[\])]\s*$", re.I
)
_LONGEST_LINE = 8.0
"""Seconds: a line is not held longer when the next one is far away."""


@dataclass(frozen=True)
class Lyrics:
    """Words in order of time; `timed` is false when the times are guesses."""

    words: tuple[Word, ...]
    timed: bool


NO_LYRICS = Lyrics(words=(), timed=True)


def parse(data: bytes, duration: float, sections: tuple[Section, ...] = ()) -> Lyrics:
    """The words of a lyrics file, with times in seconds within 0..duration.

    Raises `Permanent("bad_lyrics")` when the bytes are no text, or too many. Text without any time is
    spread evenly over the song after its intro, and has a low confidence.
    """
    text = _text(data)
    lines = text.splitlines()
    if any(_SRT_TIMES.match(line) for line in lines):
        words = _srt(lines)
    elif any(_STAMP.match(line.strip()) for line in lines):
        words = _lrc(lines, duration)
    else:
        return Lyrics(words=_spread(lines, duration, sections), timed=False)
    inside = [word for word in words if word.start < duration]
    inside.sort(key=lambda word: word.start)
    return Lyrics(words=tuple(_clipped(word, duration) for word in inside), timed=True)


def letters_without_font(words: Iterable[Word]) -> str:
    """Letters and emoji that no typeface of ours has, each once, in order."""
    return missing("".join(dict.fromkeys(letter for word in words for letter in word.text)))


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise Permanent("bad_lyrics", "The lyrics are larger than 200 KB.")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Permanent("bad_lyrics", "The lyrics are not UTF-8 text.") from error
    if "\x00" in text:
        raise Permanent("bad_lyrics", "The lyrics are not text.")
    return text


def _seconds(minutes: str, seconds: str, fraction: str | None) -> float:
    return 60.0 * int(minutes) + int(seconds) + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)


def _clipped(word: Word, duration: float) -> Word:
    end = min(max(word.end, word.start + 0.05), duration)
    return Word(
        text=word.text,
        start=round(word.start, 3),
        end=round(end, 3),
        confidence=word.confidence,
        line=word.line,
    )


def _lrc(lines: list[str], duration: float) -> list[Word]:
    """Lines `[mm:ss.xx] text`, several stamps a line for repeats, `<mm:ss.xx>` before each word (enhanced)."""
    shift = 0.0
    timed: list[tuple[float, str]] = []
    for raw in lines:
        line = raw.strip()
        tag = _TAG.match(line)
        if tag and not tag[1].isdigit():
            if tag[1].lower() == "offset":
                shift = _offset(tag[2])
            continue
        starts: list[float] = []
        while stamp := _STAMP.match(line):
            starts.append(_seconds(stamp[1], stamp[2], stamp[3]))
            line = line[stamp.end() :].lstrip()
        timed.extend((start, line) for start in starts)
    timed.sort(key=lambda item: item[0])
    words: list[Word] = []
    number = 0
    for (start, text), (following, _) in pairwise([*timed, (max(duration, timed[-1][0]), "")]):
        found = _lrc_line(text, max(0.0, start - shift), _until(start, following, duration) - shift, number)
        words.extend(found)
        number += bool(found)
    return words


def _until(start: float, following: float, duration: float) -> float:
    """Where a line's time ends: at the next line, and at the song's end when it begins within it."""
    return min(following, duration) if start < duration else following


def _offset(text: str) -> float:
    """Seconds by which [offset:ms] brings all lines forward."""
    try:
        return int(text.strip()) / 1000.0
    except ValueError:
        return 0.0


def _lrc_line(text: str, start: float, following: float, number: int) -> list[Word]:
    stamps = list(_WORD_STAMP.finditer(text))
    if not stamps:
        return _even(text.split(), start, min(following, start + _LONGEST_LINE), 0.6, number)
    times = [_seconds(stamp[1], stamp[2], stamp[3]) for stamp in stamps]
    base = start - times[0] if text.lstrip().startswith("<") and abs(times[0] - start) < 60.0 else 0.0
    shift = base if abs(base) > 5.0 else 0.0
    words = _even(text[: stamps[0].start()].split(), start, times[0] + shift, 1.0, number)
    ends = [*times[1:], min(following - shift, times[-1] + 2.0)]
    for stamp, nearest, begin, end in zip(stamps, [*stamps[1:], None], times, ends, strict=True):
        piece = text[stamp.end() : nearest.start() if nearest else len(text)].split()
        words.extend(_even(piece, begin + shift, max(end, begin) + shift, 1.0, number))
    return words


def _srt(lines: list[str]) -> list[Word]:
    """Numbered blocks with `hh:mm:ss,mmm --> hh:mm:ss,mmm` and lines of text; markup is dropped."""
    words: list[Word] = []
    number = 0
    span: tuple[float, float] | None = None
    for index, raw in enumerate(lines):
        times = _SRT_TIMES.match(raw)
        if times:
            parts = times.groups()
            start = 3600.0 * int(parts[0]) + _seconds(parts[1], parts[2], parts[3])
            end = 3600.0 * int(parts[4]) + _seconds(parts[5], parts[6], parts[7])
            block = _block(lines, index + 1)
            pieces = [_MARKUP.sub("", line).split() for line in block]
            pieces = [piece for piece in pieces if piece]
            total = sum(len(piece) for piece in pieces)
            span = (start, max(end, start + 0.1))
            done = 0
            for piece in pieces:
                length = (span[1] - span[0]) * len(piece) / total
                begin = span[0] + (span[1] - span[0]) * done / total
                words.extend(_even(piece, begin, begin + length, 0.6, number))
                done += len(piece)
                number += 1
    return words


def _block(lines: list[str], first: int) -> list[str]:
    block: list[str] = []
    for line in lines[first:]:
        if not line.strip():
            break
        block.append(line)
    return block


def _even(texts: list[str], start: float, end: float, confidence: float, line: int) -> list[Word]:
    """Words of one line over its span, each as long as its letters ask for."""
    weights = [len(text) + 1 for text in texts]
    total = sum(weights)
    words: list[Word] = []
    at = start
    for text, weight in zip(texts, weights, strict=True):
        length = max(0.0, end - start) * weight / total
        words.append(Word(text=text, start=at, end=at + length, confidence=confidence, line=line))
        at += length
    return words


def _spread(lines: list[str], duration: float, sections: tuple[Section, ...]) -> tuple[Word, ...]:
    kept = [line.split() for line in lines if line.strip() and not _HEADING.match(line)]
    if not kept:
        return ()
    start, end = _sung_span(duration, sections)
    each = (end - start) / len(kept)
    words: list[Word] = []
    for number, texts in enumerate(kept):
        begin = start + number * each
        words.extend(_even(texts, begin, begin + min(each, _LONGEST_LINE) * 0.95, 0.2, number))
    return tuple(_clipped(word, duration) for word in words)


def _sung_span(duration: float, sections: tuple[Section, ...]) -> tuple[float, float]:
    start, end = 0.0, duration
    if len(sections) > 2 and sections[0].label == "intro":
        start = sections[0].end
    if len(sections) > 2 and sections[-1].label == "outro":
        end = sections[-1].start
    return (start, end) if end - start > 0.3 * duration else (0.0, duration)
