"""The music under a voice: what of it is repeated, and how loud it is when."""

from __future__ import annotations

import numpy as np
import pytest

from services.composer.bed import (
    LEAST_BELOW,
    REST_LEAST,
    STEP,
    fades,
    gains,
    rest_of,
    speech_of,
)
from tests.narrations import analysis_of, narration

HEARD = analysis_of(narration())


def test_music_rises_in_long_pauses_only() -> None:
    told = narration([("A first one.", 0), ("A second one.", 1), ("A third one.", 1)], lead=90)
    speech = speech_of(told)
    seconds = told.frames / 30
    rest = rest_of(speech, seconds)
    times = np.arange(rest.size) * STEP
    for start, end in speech:
        assert (rest[(times >= start) & (times <= end)] == 0).all()
    assert rest[:20].max() == 1, "the title stands there"
    assert rest[(times > speech[0][1]) & (times < speech[2][0])].max() == 0, "pauses of less than a second"


def test_loud_passages_stay_below_the_voice() -> None:
    momentary = np.full(300, -20.0)
    momentary[100:140] = -5.0
    for rest, least in ((np.zeros(301), LEAST_BELOW), (np.ones(301), REST_LEAST)):
        gain = gains(-18.0, momentary, rest, -13.0)
        assert (momentary + gain[:300] <= -13.0 - least + 1e-6).all()
        assert np.abs(np.diff(gain)).max() < 2, "no step is heard"


def test_fades_begin_and_end_in_silence() -> None:
    times = np.linspace(0, 30, 301)
    factors = fades(times, 30.0)
    assert factors[0] == 0 and factors[-1] == pytest.approx(0) and factors[150] == 1
    assert fades(np.linspace(0, 0.5, 11), 0.5).max() <= 1
