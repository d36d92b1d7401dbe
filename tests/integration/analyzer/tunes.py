"""Songs for the analyzer."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from services.analyzer.spectrum import RATE
from services.analyzer.tape import Array
from tests.unit.analyzer.synth import chord, click_times, clicks


def write_wav(path: Path, samples: Array, rate: int = RATE, channels: int = 1) -> Path:
    """The samples as 16-bit PCM, the same in each channel."""
    data = np.repeat((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2")[:, None], channels, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(data.tobytes())
    return path


def tune(seconds: float = 8.0, bpm: float = 120.0) -> Array:
    """A chord under clicks from 0.5 s on."""
    sound: Array = chord([0, 4, 7], seconds) + clicks(click_times(bpm, seconds), seconds)
    return sound
