"""What is told in each scene of a narrated video: whole sentences, or a part of a very long one. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from libs.contracts.scripts import Narration, Sentence
from libs.media.frames import parse_fps
from libs.script.pauses import PARAGRAPH_PAUSE_S, SENTENCE_PAUSE_S
from libs.script.scenes import scenes_of
from libs.script.words import joined

LONGEST_S = 12
"""Seconds: what is longer becomes several scenes, where its words leave room."""
_SHORTEST_S = 3
"""Seconds: no part of a sentence is shorter."""
_CLAUSE = ",;:.!?\u2013\u2014\u2026\u3001\u3002\uff0c\uff1b\uff1a\u060c\u061b\u0964"
"""Marks after which one takes a breath."""
_BREATH_S = 0.3
"""What such a mark is worth, against seconds of silence."""


@dataclass(frozen=True)
class Part:
    """What is told in a scene."""

    text: str
    start: int
    """The frame at which its first word is heard."""
    end: int
    """The frame at which the next part's first word is heard, or the narration's end."""
    quiet: int
    """Whole frames before `start` in which nobody speaks, as many as such a place always has: what was said before
    has no say in it."""
    paragraph: int
    opens: bool
    """Whether a paragraph begins with it."""


def parts_of(narration: Narration) -> list[Part]:
    """The parts, in order: they touch, from the first sentence's first frame to the narration's last."""
    fps = parse_fps(narration.fps)
    sentences = narration.sentences
    paragraphs = [one.paragraph for one in sentences]
    parts: list[Part] = []
    for first, end in scenes_of([float(one.frames / fps) for one in sentences], paragraphs):
        opens = first == 0 or paragraphs[first - 1] != paragraphs[first]
        quiet = _quiet(sentences, first, narration.lead_frames, fps)
        parts += _split(sentences[first:end], quiet, fps, opens=opens)
    return parts


def _quiet(sentences: Sequence[Sentence], index: int, lead: int, fps: Fraction) -> int:
    """Frames of the usual pause before a sentence, or as many as there are."""
    if index == 0:
        return min(lead, math.floor(PARAGRAPH_PAUSE_S * fps))
    before = sentences[index - 1]
    usual = PARAGRAPH_PAUSE_S if before.paragraph != sentences[index].paragraph else SENTENCE_PAUSE_S
    pause = before.frames - math.ceil(Fraction(before.speech_s) * fps)
    return max(0, min(math.floor(usual * fps), pause))


def _split(sentences: Sequence[Sentence], quiet: int, fps: Fraction, *, opens: bool) -> list[Part]:
    """The sentences of a scene as one part, or as several where they are too long."""
    start = sentences[0].start_frame
    end = sentences[-1].start_frame + sentences[-1].frames
    words = [
        _Said(word.text, *((one.start_frame - start) / fps + Fraction(time) for time in (word.start, word.end)))
        for one in sentences
        for word in one.words
    ]
    bounds = _bounds(words, 0, len(words), Fraction(0), (end - start) / fps)
    edges = [0, *bounds, len(words)]
    frames = [start, *(start + math.floor(words[index].start * fps) for index in bounds), end]
    silences = [quiet, *(max(0, math.floor(_gap(words, index) * fps)) for index in bounds)]
    whole = " ".join(one.text for one in sentences)
    return [
        Part(
            text=joined(tuple(word.text for word in words[edges[number] : edges[number + 1]])) or whole,
            start=frames[number],
            end=frames[number + 1],
            quiet=silences[number],
            paragraph=sentences[0].paragraph,
            opens=opens and number == 0,
        )
        for number in range(len(silences))
    ]


class _Said(NamedTuple):
    """A word, in seconds from its scene's first frame."""

    text: str
    start: Fraction
    end: Fraction


def _bounds(words: Sequence[_Said], first: int, end: int, start_s: Fraction, end_s: Fraction) -> list[int]:
    """The words before which a stretch of them is cut, again and again, until none is too long."""
    if end_s - start_s <= LONGEST_S:
        return []
    places = [
        index
        for index in range(first + 1, end)
        if words[index].start - start_s >= _SHORTEST_S and end_s - words[index].start >= _SHORTEST_S
    ]
    if not places:
        return []
    middle, half = (start_s + end_s) / 2, (end_s - start_s) / 2

    def worth(index: int) -> float:
        breath = _BREATH_S * words[index - 1].text.rstrip("\"'\u201d\u2019)").endswith(tuple(_CLAUSE))
        return float(_gap(words, index)) + breath - 0.5 * float(abs(words[index].start - middle) / half)

    best = max(places, key=worth)
    cut = words[best].start
    return [*_bounds(words, first, best, start_s, cut), best, *_bounds(words, best, end, cut, end_s)]


def _gap(words: Sequence[_Said], index: int) -> Fraction:
    """Seconds of silence before a word."""
    return words[index].start - words[index - 1].end
