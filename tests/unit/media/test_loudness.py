"""Loudness against the signals of EBU Tech 3341 and 3342 whose values are known."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from libs.media.loudness import Loudness, LoudnessMeter

RATE = 48000


def measured(
    parts: list[tuple[float, float]], *, hz: float = 1000, channels: int = 2, rate: int = RATE
) -> Loudness | None:
    """Of sines in all channels: (seconds, peak in dBFS) one after the other."""
    levels = np.concatenate([np.full(round(seconds * rate), 10 ** (peak / 20)) for seconds, peak in parts])
    sine = (levels * np.sin(2 * np.pi * hz * np.arange(levels.size) / rate)).astype(np.float32)
    meter = LoudnessMeter()
    for at in range(0, sine.size, 1024):
        packed = np.repeat(sine[at : at + 1024], channels)[None]
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="stereo" if channels == 2 else "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        meter.add(frame)
    return meter.loudness()


@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        ([(20, -23)], -23.0),
        ([(20, -33)], -33.0),
        ([(10, -36), (60, -23), (10, -36)], -23.0),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23.0),
    ],
    ids=["case 1", "case 2", "case 3", "case 4"],
)
def test_integrated_loudness_of_tech_3341(parts: list[tuple[float, float]], lufs: float) -> None:
    found = measured(parts)
    assert found is not None and found.integrated == pytest.approx(lufs, abs=0.1)


@pytest.mark.parametrize(("parts", "spread"), [([(20, -20), (20, -30)], 10.0), ([(20, -40), (20, -20)], 20.0)])
def test_loudness_range_of_tech_3342(parts: list[tuple[float, float]], spread: float) -> None:
    found = measured(parts)
    assert found is not None and found.range == pytest.approx(spread, abs=1)


def test_the_true_peak_lies_between_the_samples() -> None:
    found = measured([(2, -6)], hz=RATE / 4)
    assert found is not None and found.true_peak == pytest.approx(-6, abs=0.5)
    found = measured([(2, -23)], rate=44100)
    assert found is not None and found.true_peak == pytest.approx(-23, abs=0.3)


def test_one_channel_is_three_units_quieter() -> None:
    found = measured([(5, -23)], channels=1)
    assert found is not None and found.integrated == pytest.approx(-26, abs=0.1)


def test_silence_has_no_loudness() -> None:
    assert measured([(2, -200)]) is None
    assert LoudnessMeter().loudness() is None


def test_a_change_of_format_on_the_way_is_followed() -> None:
    meter = LoudnessMeter()
    for number, rate in enumerate([48000] * 50 + [44100] * 50):
        time = np.arange(4096) / rate
        frame = av.AudioFrame.from_ndarray(
            (10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * time)).astype(np.float32).repeat(2)[None],
            format="flt",
            layout="stereo",
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, number * 4096, Fraction(1, rate)
        meter.add(frame)
    found = meter.loudness()
    assert found is not None and found.integrated == pytest.approx(-23, abs=0.3)
