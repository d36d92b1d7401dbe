"""How sung words are shown: one style for a line however many scenes it spans, none beside words of a look."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import Any

import pytest

from libs.contracts.analysis import Analysis
from libs.contracts.jobs import JobOptions, LyricsStyle
from libs.contracts.looks import looks_by_name
from libs.contracts.storyboard import Scene
from services.planner.lyrics import TAIL, blocks, holds, writes_words
from services.planner.plan import plan
from services.planner.words import known_words
from tests.unit.planner.songs import PORTRAIT, SONGS, sung

ENTRIES = looks_by_name()
LINES = [(1.0 + 4.0 * i, "one two three four five six") for i in range(52)]
SEEDS = range(8)


def scenes(heard: Analysis, seed: int, *, pictured: bool = False, **options: Any) -> tuple[Scene, ...]:
    return plan(heard, JobOptions(**options), seed, PORTRAIT if pictured else None)[0].scenes


def with_words(name: str, confidence: float = 1.0) -> Analysis:
    lines = [(start, line) for start, line in LINES if start < SONGS[name].duration - 3.0]
    return sung(SONGS[name], lines, confidence=confidence)


@pytest.mark.parametrize("pictured", [False, True])
@pytest.mark.parametrize("name", ["pop", "rubato", "long", "one"])
def test_a_line_of_lyrics_keeps_its_style_over_a_cut(name: str, pictured: bool) -> None:
    heard = with_words(name)
    for seed in SEEDS:
        board = scenes(heard, seed, pictured=pictured)
        for _, line in groupby(known_words(heard), key=lambda word: word.line):
            words = list(line)
            start, end = words[0].start + TAIL, words[-1].end - TAIL
            styles = {
                scene.lyrics
                for scene in board
                if scene.start_frame / 30.0 < end and scene.end_frame / 30.0 > start
                if not writes_words(ENTRIES[scene.look])
            }
            assert len(styles) <= 1


def test_type_is_set_over_calm_looks_alone_and_never_beside_a_look_of_words() -> None:
    found = set()
    for seed in SEEDS:
        for pictured in (False, True):
            heard = with_words("long")
            for scene in scenes(heard, seed, pictured=pictured):
                entry = ENTRIES[scene.look]
                is_sung = any(
                    scene.start_frame / 30.0 <= word.start < scene.end_frame / 30.0 for word in heard.words
                )
                found.add(scene.lyrics)
                assert (scene.lyrics == "none") == writes_words(entry)
                if scene.lyrics in {"line", "stack", "sweep"} and is_sung:
                    assert holds(entry, scene.lyrics)
    assert {"line", "sweep", "captions"} <= found


def test_verses_with_words_are_cast_so_that_type_can_be_set_over_them() -> None:
    styles = [
        scene.lyrics
        for seed in range(20)
        for scene in scenes(with_words("long"), seed)
        if scene.section == "verse" and not writes_words(ENTRIES[scene.look])
    ]
    assert styles.count("line") + styles.count("stack") > 0.6 * len(styles)


@pytest.mark.parametrize("wish", ["line", "stack", "sweep"])
def test_a_style_that_is_asked_for_is_used_everywhere(wish: LyricsStyle) -> None:
    for scene in scenes(with_words("pop"), 3, lyrics_style=wish):
        assert scene.lyrics == ("none" if writes_words(ENTRIES[scene.look]) else wish)


@pytest.mark.parametrize(
    ("options", "style"),
    [({"lyrics_style": "captions"}, "captions"), ({"lyrics_style": "none"}, "none"), ({"captions": False}, "none")],
)
def test_captions_and_none_hold_everywhere(options: dict[str, Any], style: str) -> None:
    assert {scene.lyrics for scene in scenes(with_words("pop"), 1, **options)} == {style}


def test_words_whose_times_are_guessed_leave_it_to_the_captions() -> None:
    assert {scene.lyrics for scene in scenes(with_words("pop", 0.3), 1)} == {"captions"}


def test_scenes_that_a_line_spans_are_one_block() -> None:
    heard = sung(SONGS["pop"], [(3.0, "a b c d e f"), (20.0, "g h")])
    assert blocks([0.0, 4.0, 8.0, 20.2, 30.0], heard.words) == [(0, 2), (2, 4)]
    assert blocks([0.0, 4.0, 8.0], ()) == [(0, 1), (1, 2)]
    assert all(left[1] == right[0] for left, right in pairwise(blocks([0.0, 4.0, 8.0, 20.2, 30.0], heard.words)))
