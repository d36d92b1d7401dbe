"""Every defect of a finished file is named, and a good one has none."""

import msgspec
import numpy as np
import pytest

from libs.contracts.analysis import Analysis, Beat, Key, Tempo
from libs.contracts.report import Report, Stretch
from libs.measure.bits import BitRate
from libs.measure.ear import hear
from libs.media.loudness import Loudness
from services.composer.hearing import SoundMeasure
from services.composer.judge import make_report, problems
from services.composer.measure import PictureMeasure
from services.composer.timeline import joins
from tests.storyboards import storyboard
from tests.unit.measure.films import blinking, flat, watched

PLAN = storyboard([60, 60, 60], [0, 0, 8])
PICTURE = PictureMeasure(
    frames=180,
    steps_ok=True,
    width=320,
    height=180,
    codec="h264",
    fps="30",
    found=(60, 121),
    black=(),
    frozen=(),
    poster_frame=30,
    container_seconds=6.0,
    seen=watched(lambda at: flat(20) if at % 4 < 2 else flat(30), 6.0),
    rate=BitRate(2.0, 3.5, 4.0),
)
SOUND = SoundMeasure(
    codec="aac",
    seconds=6.0,
    song_seconds=6.01,
    song_silent=False,
    lag_seconds=0.0001,
    likeness=0.99,
    music=hear(np.random.default_rng(1).random(22050 * 6, np.float32), 22050),
    loudness=Loudness(-9.04, 6.0, -0.5),
    rate=BitRate(0.19, 0.2, 1.0),
)
ANALYSIS = Analysis(
    duration=6.0,
    tempo=Tempo(bpm=120, confidence=1, stable=True),
    meter=4,
    beats=tuple(Beat(time=at, strength=1, downbeat=False) for at in (0.0, 1.99, 4.0)),
    onsets=(),
    energy=(),
    key=Key(tonic="C", mode="major", confidence=1),
    sections=(),
)


def reported(picture: PictureMeasure = PICTURE, sound: SoundMeasure = SOUND, heard: Analysis = ANALYSIS) -> Report:
    return make_report(PLAN, heard, joins(PLAN), picture, sound, size=9, copied=False, stages=())


def test_a_good_file_has_no_problems() -> None:
    assert problems(PLAN, PICTURE, SOUND) == ()


@pytest.mark.parametrize(
    ("picture", "sound", "said"),
    [
        ({"frames": 179}, {}, "179 frames, not 180"),
        ({"frames": 181}, {}, "181 frames, not 180"),
        ({"steps_ok": False}, {}, "don't follow"),
        ({"width": 318}, {}, "318x180"),
        ({"container_seconds": 6.05}, {}, "The file lasts 6.050 s"),
        ({}, {"song_seconds": 6.05}, "the song 6.050 s"),
        ({}, {"codec": ""}, "no sound"),
        ({}, {"lag_seconds": 0.0051}, "5.1 ms late"),
        ({}, {"lag_seconds": -0.024}, "-24.0 ms late"),
        ({}, {"likeness": 0.1}, "not the song's"),
        ({}, {"seconds": 5.9}, "sound lasts 5.900"),
        ({"black": (Stretch(start=1.0, end=2.0),)}, {}, "black from 1.00 to 2.00"),
    ],
)
def test_each_defect_is_named(picture: dict[str, object], sound: dict[str, object], said: str) -> None:
    found = problems(PLAN, msgspec.structs.replace(PICTURE, **picture), msgspec.structs.replace(SOUND, **sound))
    assert found and said in found[0]


def test_a_silent_song_has_no_lag_to_fail() -> None:
    silent = msgspec.structs.replace(SOUND, song_silent=True, lag_seconds=None, likeness=0)
    assert problems(PLAN, PICTURE, silent) == ()


def test_the_report_measures_cuts_against_beats() -> None:
    report = reported()
    assert [cut.beat_ms for cut in report.cuts] == [pytest.approx(10.0), pytest.approx(33.333, abs=0.001)]
    assert report.cut_beat_median_ms == pytest.approx(21.667, abs=0.002)
    assert report.cut_beat_worst_ms == pytest.approx(33.333, abs=0.001)
    assert report.sound is not None and report.sound.lag_ms == 0.1
    (first, _) = reported(msgspec.structs.replace(PICTURE, found=(None, 121))).cuts
    assert first.found_frame is None and first.time == 2.0
    report = reported(heard=msgspec.structs.replace(ANALYSIS, beats=()))
    assert report.cut_beat_median_ms is None and report.cuts[0].beat_ms is None


def test_the_report_tells_loudness_and_bit_rates() -> None:
    report = reported()
    assert report.loudness is not None and report.loudness.integrated_lufs == -9.0
    assert report.picture_rate is not None and report.picture_rate.peak_mbps == 3.5
    assert report.sound_rate is not None and report.sound_rate.mean_mbps == 0.19


def test_what_is_still_is_told_by_scene_and_warned_of() -> None:
    report = reported()
    assert report.motion is not None and report.problems == ()
    assert [one.scene_id for one in report.motion.scenes] == ["s000", "s001", "s002"]
    assert report.motion.scenes[0].stillest_share == 0
    assert [one.code for one in report.warnings] == ["still"]
    moving = np.random.default_rng(1).integers(0, 255, (200, 54, 96, 3), np.uint8)
    report = reported(msgspec.structs.replace(PICTURE, seen=watched(lambda at: moving[round(at * 30)], 6.0)))
    assert report.motion is not None and report.motion.still_seconds == 0
    assert "still" not in {one.code for one in report.warnings}


def test_flashes_are_warned_of_and_fail_nothing() -> None:
    for hz, said in ((2, None), (3, "near"), (5, "over")):
        seen = watched(blinking(hz, flat(0), flat(255)), 6.0)
        report = reported(msgspec.structs.replace(PICTURE, seen=seen))
        told = {one.code: one.message for one in report.warnings}
        assert report.flashes is not None and report.flashes.a_second == hz
        assert report.problems == ()
        assert (told.get("flashes") is None) if said is None else (said in told["flashes"])


def test_a_sound_that_players_clip_is_warned_of() -> None:
    loud = msgspec.structs.replace(SOUND, loudness=Loudness(-5.0, 3.0, 2.8))
    assert "clipping" in {one.code for one in reported(sound=loud).warnings}
