"""A voice and the music under it, mixed: the joins of both, and nothing lost on the way."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from libs.contracts.errors import Permanent
from services.composer.mixing import RATE, Sounds, mix_narration
from tests.narrations import analysis_of, narration, write_voice

TOLD = narration()


def write_tone(path: Path, seconds: float) -> Path:
    """A tone of 220 Hz, stereo, 44.1 kHz, that swells a little every half second."""
    time = np.arange(round(seconds * 44100)) / 44100
    tone = 0.3 * np.sin(2 * np.pi * 220 * time) * (0.8 + 0.2 * np.cos(4 * np.pi * time))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(np.repeat((tone * 32767).astype("<i2")[:, None], 2, axis=1).tobytes())
    return path


def mixed(tmp_path: Path) -> np.ndarray:
    """What was written: (n, 2)."""
    return np.fromfile(tmp_path / "mix.raw", np.float32).reshape(-1, 2)


def test_the_voice_is_in_the_mix_sample_for_sample(tmp_path: Path) -> None:
    voice = write_voice(tmp_path / "voice.wav", TOLD)
    mix = mix_narration(Sounds(str(voice), "", TOLD, None), str(tmp_path / "mix.raw"))
    sound = mixed(tmp_path)
    assert len(sound) == TOLD.frames * RATE // 30
    with wave.open(str(voice)) as file:
        spoken = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    assert np.abs(sound[:, 0] - spoken).max() < 1e-6 and (sound[:, 0] == sound[:, 1]).all()
    assert mix.levels.clicks == 0


def test_a_join_that_jumps_is_heard(tmp_path: Path) -> None:
    voice = write_voice(tmp_path / "voice.wav", TOLD)
    with wave.open(str(voice)) as file:
        spoken = np.frombuffer(file.readframes(file.getnframes()), "<i2").copy()
    at = TOLD.sentences[2].start_frame * RATE // 30
    spoken[at : at + 40] += 3000
    with wave.open(str(voice), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(spoken.tobytes())
    mix = mix_narration(Sounds(str(voice), "", TOLD, None), str(tmp_path / "mix.raw"))
    assert mix.levels.clicks == 1


@pytest.mark.parametrize("seconds", [0.7, 5.0, 9.5])
def test_music_that_goes_on_has_no_hole_and_no_click(tmp_path: Path, seconds: float) -> None:
    voice = write_voice(tmp_path / "voice.wav", TOLD, level=0.0)
    bed = write_tone(tmp_path / "bed.wav", seconds)
    heard = analysis_of(TOLD)
    mix_narration(Sounds(str(voice), str(bed), TOLD, heard), str(tmp_path / "mix.raw"))
    music = mixed(tmp_path)[:, 0].astype(float)
    inner = music[RATE : -3 * RATE]
    peaks = np.abs(inner[: inner.size // 2400 * 2400]).reshape(-1, 2400).max(axis=1)
    assert peaks.min() > 0.1 * np.median(peaks)
    bends = np.abs(np.diff(inner, 2))
    assert bends.max() < 8 * np.median(bends)


def test_music_without_sound_is_told(tmp_path: Path) -> None:
    voice = write_voice(tmp_path / "voice.wav", TOLD)
    (tmp_path / "bed.wav").write_bytes(b"no sound at all")
    with pytest.raises(Permanent) as failed:
        mix_narration(Sounds(str(voice), str(tmp_path / "bed.wav"), TOLD, None), str(tmp_path / "mix.raw"))
    assert failed.value.code == "not_media"
