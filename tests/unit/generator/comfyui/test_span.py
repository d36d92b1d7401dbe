"""The part of the song that a piece is heard with."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from libs.contracts.errors import Permanent
from services.generator.comfyui.limits import Limits
from services.generator.comfyui.pieces import cut_shot
from services.generator.comfyui.span import RATE, cut_span, span_of
from tests.unit.generator.scenes import shot

FPS = Fraction(30)
WAN = Limits(fps=16, min_frames=5, max_frames=77, frame_step=4, frame_rest=1)


def ramp(path: Path, seconds: float) -> None:
    """A sound that tells the time: the sample at t seconds is t/10."""
    samples = np.arange(round(seconds * RATE)) / RATE / 10.0
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767.0).astype("<i2").tobytes())


def heard(path: Path) -> npt.NDArray[np.float64]:
    """The samples, as the times that they tell."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767.0 * 10.0


@pytest.mark.parametrize(("start", "seconds"), [(0.0, 1.0), (2.5, 0.75), (-0.5, 1.0), (3.5, 2.0), (9.0, 1.0)])
def test_a_span_is_the_song_at_that_time_and_silence_elsewhere(
    tmp_path: Path, start: float, seconds: float
) -> None:
    ramp(tmp_path / "song.wav", 4.0)
    cut_span(tmp_path / "song.wav", start, seconds, tmp_path / "span.wav")
    found = heard(tmp_path / "span.wav")
    times = start + np.arange(round(seconds * RATE)) / RATE
    assert len(found) == len(times)
    assert np.abs(found - np.where((times >= 0.0) & (times < 4.0), times, 0.0)).max() < 0.002


def test_what_is_no_sound_is_told(tmp_path: Path) -> None:
    (tmp_path / "song").write_bytes(b"words")
    with pytest.raises(Permanent):
        cut_span(tmp_path / "song", 0.0, 1.0, tmp_path / "span.wav")


def test_pieces_follow_each_other_in_the_song() -> None:
    order = shot(start=300, frames=270, lead=6)
    cutting = cut_shot(WAN, frames=order.frames, fps=FPS)
    spans = [span_of(order, FPS, cutting, piece) for piece in cutting.pieces]
    assert len(spans) == 2
    (first, seconds), (second, _) = spans
    assert first == pytest.approx((300 - 6) / 30 - float(cutting.lead) / 16)
    assert second == pytest.approx(first + seconds - 1 / 16), "the frame that both have is heard with both"
    assert second + spans[1][1] >= (300 - 6 + 270 - 1) / 30
