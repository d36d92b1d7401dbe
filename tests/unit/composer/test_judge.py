"""Every defect of a finished file is named, and a good one has none."""

import msgspec
import pytest

from libs.contracts.analysis import Analysis, Beat, Key, Tempo
from libs.contracts.report import Stretch
from services.composer.judge import make_report, problems
from services.composer.measure import PictureMeasure, SoundMeasure
from services.composer.timeline import joins
from tests.storyboards import storyboard

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
)
SOUND = SoundMeasure(
    codec="aac", seconds=6.0, song_seconds=6.01, song_silent=False, lag_seconds=0.0001, likeness=0.99
)


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
    analysis = Analysis(
        duration=6.0,
        tempo=Tempo(bpm=120, confidence=1, stable=True),
        meter=4,
        beats=tuple(Beat(time=at, strength=1, downbeat=False) for at in (0.0, 1.99, 4.0)),
        onsets=(),
        energy=(),
        key=Key(tonic="C", mode="major", confidence=1),
        sections=(),
    )
    report = make_report(PLAN, analysis, joins(PLAN), PICTURE, SOUND, size=9, copied=False, stages=())
    assert [cut.beat_ms for cut in report.cuts] == [pytest.approx(10.0), pytest.approx(33.333, abs=0.001)]
    assert report.cut_beat_median_ms == pytest.approx(21.667, abs=0.002)
    assert report.cut_beat_worst_ms == pytest.approx(33.333, abs=0.001)
    assert report.sound is not None and report.sound.lag_ms == 0.1
    missed = msgspec.structs.replace(PICTURE, found=(None, 121))
    (first, _) = make_report(PLAN, analysis, joins(PLAN), missed, SOUND, size=9, copied=False, stages=()).cuts
    assert first.found_frame is None and first.time == 2.0
    without = msgspec.structs.replace(analysis, beats=())
    report = make_report(PLAN, without, joins(PLAN), PICTURE, SOUND, size=9, copied=False, stages=())
    assert report.cut_beat_median_ms is None and report.cuts[0].beat_ms is None
