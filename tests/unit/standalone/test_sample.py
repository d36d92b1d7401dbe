"""The sample song is what it says it is."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from examples import make_sample


@pytest.fixture(scope="module")
def song() -> make_sample.Sound:
    return make_sample.compose()


def test_it_is_the_same_each_time_and_as_long_as_said(song: make_sample.Sound, tmp_path: Path) -> None:
    assert np.array_equal(song, make_sample.compose())
    assert song.shape == (round(make_sample.DURATION * make_sample.RATE), 2)
    assert 0.5 < np.abs(song).max() < 1.0
    make_sample.write_wav(tmp_path / "deep" / "song.wav", song)
    with wave.open(str(tmp_path / "deep" / "song.wav")) as file:
        assert (file.getnframes(), file.getframerate(), file.getnchannels()) == (len(song), make_sample.RATE, 2)


def test_each_beat_is_heard_where_the_score_has_it(song: make_sample.Sound) -> None:
    mono = song.mean(axis=1)
    power = mono**2
    for beat in make_sample.beats():
        at = round(beat.time * make_sample.RATE)
        before, after = power[max(at - 900, 0) : at - 100], power[at : at + 1500]
        assert after.mean() > 1.5 * before.mean(), beat


def test_the_chorus_is_louder_than_the_verse(song: make_sample.Sound) -> None:
    mono = song.mean(axis=1)
    loudness = [
        float(np.sqrt(np.mean(mono[round(start * make_sample.RATE) : round(end * make_sample.RATE)] ** 2)))
        for _, start, end in make_sample.sections()
    ]
    assert loudness[1] > 1.3 * loudness[0] > 1.3 * loudness[2]
    assert sum(beat.downbeat for beat in make_sample.beats()) == make_sample.BARS + 1
