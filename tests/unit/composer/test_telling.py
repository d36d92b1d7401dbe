"""How a narrated video goes with its voice, and what its manifest tells."""

from __future__ import annotations

from fractions import Fraction

import pytest

from libs.contracts.artifacts import Blob
from libs.contracts.facts import SceneImage
from libs.contracts.jobs import JobOptions
from libs.contracts.report import Cut
from libs.contracts.storyboard import Storyboard
from libs.contracts.tasks import Compose, Narrated
from services.composer.lit import lit_captions
from services.composer.lit_script import setting
from services.composer.manifest import manifest
from services.composer.mixing import Levels
from services.composer.telling import telling, telling_warnings
from tests.narrations import SCRIPT, analysis_of, narration
from tests.storyboards import scene
from tests.unit.composer.builders import clips

TOLD = narration(lead=30)
GOOD = Levels(-16.0, 18.0, 0)


def cut(time: float) -> Cut:
    """A cut there."""
    return Cut(scene_id="s002", planned_frame=0, found_frame=0, kind="cut", time=time, beat_ms=None)


def test_cuts_are_laid_beside_the_words() -> None:
    one, two, *_ = TOLD.sentences
    pause = two.start_frame / 30 - 0.1
    inside = one.start_frame / 30 + 0.2
    good = telling(TOLD, [cut(pause)], [], GOOD)
    assert (good.cuts_in_pauses, good.cut_worst_ms) == (1.0, 0.0)
    bad = telling(TOLD, [cut(pause), cut(inside)], [], GOOD)
    assert bad.cuts_in_pauses == 0.5 and bad.cut_worst_ms == pytest.approx(200, abs=1)
    assert [one.code for one in telling_warnings(bad)] == ["cut_in_speech"]
    assert telling_warnings(good) == []
    assert telling(TOLD, [], [], GOOD).cuts_in_pauses is None


def test_words_of_captions_are_counted_and_timed() -> None:
    lines = [word.line for word in analysis_of(TOLD).words]
    captions = lit_captions(TOLD, lines, Fraction(30), [scene(1, 0, TOLD.frames)], setting(640, 360))
    found = telling(TOLD, [], captions, GOOD)
    assert found.words == found.words_shown == len(lines)
    assert found.word_worst_ms is not None and found.word_worst_ms <= 17
    late = telling(TOLD, [], captions[1:], GOOD)
    assert late.words_shown == len(lines) - len(TOLD.sentences[0].words)
    none = telling(TOLD, [], [], Levels(None, None, 0))
    assert (none.words_shown, none.word_worst_ms, none.voice_lufs, none.bed_below_lu) == (0, None, None, None)


def test_loud_music_and_clicks_are_warned_of() -> None:
    found = telling(TOLD, [], [], Levels(-16.0, 12.0, 2))
    assert [one.code for one in telling_warnings(found)] == ["loud_bed", "clicks"]


def test_a_manifest_tells_each_scene() -> None:
    starts = [0, *(one.start_frame - 6 for one in TOLD.sentences), TOLD.frames]
    scenes = tuple(scene(number + 1, starts[number], starts[number + 1]) for number in range(len(starts) - 1))
    board = Storyboard(fps="30", frames=TOLD.frames, width=640, height=360, seed=1, scenes=scenes)
    blob = Blob(sha256="1" * 64, size=7, media_type="video/mp4")
    order = Compose(
        song=blob,
        analysis=blob,
        storyboard=blob,
        clips=tuple(clips(board)),
        options=JobOptions(),
        narrated=Narrated(narration=blob, voiceover=blob),
    )
    images = [SceneImage(scene_id=one.id, blob=blob) for one in scenes]
    told = manifest(order, board, TOLD, blob, images)
    assert [one.text for one in told.scenes] == ["", *(text for text, _ in SCRIPT)]
    first = told.scenes[1].words[0]
    assert (first.text, first.start) == ("The", 1.0)
    assert told.scenes[2].clip.path == "clips/s003.mp4" and told.scenes[2].image.path == "images/s003.jpg"
    assert not told.bed and told.captions and told.scenes[-1].end == told.duration
