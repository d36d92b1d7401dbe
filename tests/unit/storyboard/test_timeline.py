"""The timeline: all that an editor draws, and never too much of it."""

from __future__ import annotations

import msgspec

from libs.contracts.analysis import Beat, EnergyPoint, Word
from libs.storyboard.rules import MOST_SCENES
from libs.storyboard.scene_edit import SceneEdit, edit_scene
from libs.storyboard.timeline import MOST_PEAKS, ChosenTake, loudest, timeline
from tests.storyboards import storyboard
from tests.unit.storyboard.boards import beaten


def test_it_says_what_lies_where() -> None:
    heard = msgspec.structs.replace(beaten(10.0), peaks=(0.1, 0.9, 0.2))
    board = edit_scene(storyboard([150, 150], [0, 20]), "s001", SceneEdit(prompt="sea", locked=True))
    shown = timeline(heard, board, {"s001": 3}, {"s001": ChosenTake(id=7, origin="drawn", stale=("music",))})
    assert (shown.duration, shown.meter, shown.beats[:2], shown.downbeats[:2]) == (10.0, 4, (0.0, 0.5), (0, 4))
    assert shown.waveform == (0.1, 0.9, 0.2)
    first, second = shown.scenes
    assert (first.start, first.end, first.takes, first.take, first.locked) == (0.0, 5.0, 0, None, False)
    assert (second.id, second.takes, second.locked, second.prompt) == ("s001", 3, True, "sea")
    assert second.take is not None
    assert second.take.stale == ("music",)


def test_the_longest_song_stays_below_a_megabyte() -> None:
    heard = msgspec.structs.replace(
        beaten(900.0),
        beats=tuple(Beat(time=i * 0.15, strength=1 / 3, downbeat=i % 4 == 0) for i in range(6000)),
        energy=tuple(EnergyPoint(time=i / 70, value=1 / 3) for i in range(63_000)),
        peaks=tuple(1 / (1 + i % 7) for i in range(90_000)),
        words=tuple(
            Word(text="w" * 5000, start=i / 7, end=i / 6.9, confidence=1 / 3, line=i) for i in range(20_000)
        ),
    )
    board = storyboard([30] * MOST_SCENES, [0] * MOST_SCENES)
    scenes = tuple(msgspec.structs.replace(scene, prompt="p" * 4000) for scene in board.scenes)
    shown = timeline(heard, msgspec.structs.replace(board, scenes=scenes), {}, {})
    assert len(msgspec.json.encode(shown)) < 1_000_000
    assert len(shown.waveform) <= MOST_PEAKS


def test_thinned_peaks_keep_the_loudest() -> None:
    assert loudest([0.1, 0.9, 0.2, 0.3, 0.0], 3) == [0.9, 0.3, 0.0]
    assert loudest([], 3) == []
