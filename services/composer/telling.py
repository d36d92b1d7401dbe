"""How a narrated video goes with its voice: its cuts, its captions, its sound. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from libs.contracts.analysis import Notice
from libs.contracts.report import Cut, Telling
from libs.contracts.scripts import Narration
from libs.media.frames import parse_fps
from services.composer.lit import LitCaption
from services.composer.mixing import Levels

GAP = 0.08
"""Seconds between two words from which a gap is a pause."""
CUT_MS = 50.0
"""How far a cut may lie inside of speech before we warn of it."""
LEAST_BELOW_LU = 15.0
"""How far the music has to stay below the voice."""


def telling(narration: Narration, cuts: Sequence[Cut], captions: Sequence[LitCaption], levels: Levels) -> Telling:
    """What is measured of a narrated video. captions: none where they are off."""
    inside = [_inside(cut.time, speech(narration)) * 1000 for cut in cuts]
    heard = _heard(narration)
    lit: dict[int, int] = {}
    for one in captions:
        for row in one.rows:
            for word in row:
                lit.setdefault(word.number, word.start)
    fps = parse_fps(narration.fps)
    late = [abs(float(frame / fps) - heard[number]) * 1000 for number, frame in lit.items()]
    below = levels.bed_below_lu
    return Telling(
        words=len(heard),
        words_shown=len(lit),
        word_worst_ms=round(max(late), 1) if late else None,
        cuts_in_pauses=round(inside.count(0.0) / len(inside), 4) if inside else None,
        cut_worst_ms=round(max(inside), 1) if inside else None,
        voice_lufs=None if levels.voice_lufs is None else round(levels.voice_lufs, 1),
        bed_below_lu=None if below is None else round(below, 1),
        clicks=levels.clicks,
    )


def speech(narration: Narration) -> list[tuple[float, float]]:
    """When words are heard, in seconds; gaps shorter than `GAP` belong to them."""
    fps = parse_fps(narration.fps)
    spans = [
        (float(sentence.start_frame / fps) + word.start, float(sentence.start_frame / fps) + word.end)
        for sentence in narration.sentences
        for word in sentence.words
        if word.spoken
    ]
    found = spans[:1]
    for before, span in pairwise(spans):
        if span[0] - before[1] < GAP:
            found[-1] = (found[-1][0], span[1])
        else:
            found.append(span)
    return found


def _inside(time: float, spans: Sequence[tuple[float, float]]) -> float:
    """How far a moment lies inside of speech, in seconds; 0 in a pause."""
    return max((min(time - start, end - time) for start, end in spans if start < time < end), default=0.0)


def _heard(narration: Narration) -> list[float]:
    """When each word is heard, in seconds."""
    fps = parse_fps(narration.fps)
    return [
        float(sentence.start_frame / fps) + word.start
        for sentence in narration.sentences
        for word in sentence.words
    ]


def telling_warnings(found: Telling) -> list[Notice]:
    """What a person should know of it."""
    told = []
    if found.cut_worst_ms is not None and found.cut_worst_ms > CUT_MS:
        what = f"A cut lies {found.cut_worst_ms / 1000:.2f} s inside of speech."
        told.append(Notice(code="cut_in_speech", message=what))
    if found.bed_below_lu is not None and found.bed_below_lu < LEAST_BELOW_LU:
        what = f"The music comes up to {found.bed_below_lu:.1f} LU below the voice."
        told.append(Notice(code="loud_bed", message=what))
    if found.clicks:
        what = f"A click is heard at {found.clicks} joins of sentences."
        told.append(Notice(code="clicks", message=what))
    return told
