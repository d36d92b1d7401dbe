"""Composes the sample song: twenty seconds of synth pop in A minor, with nothing but numpy.

    python examples/make_sample.py build/sample.wav

A quiet verse of four bars, a loud chorus of four, a last chord. Everything is computed from the score
below and a fixed seed, so the bytes are always the same, and the true beats and sections are known
exactly: `beats()` and `sections()`.
"""

from __future__ import annotations

import sys
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float64]

RATE = 44100
BPM = 112.0
BEAT = 60.0 / BPM
LEAD_IN = 0.2
"""Seconds of silence before the first beat."""
VERSE_BARS, CHORUS_BARS = 4, 4
BARS = VERSE_BARS + CHORUS_BARS
TAIL = 4 * BEAT + 0.6
"""Seconds that the last chord rings."""
DURATION = LEAD_IN + BARS * 4 * BEAT + TAIL

CHORDS = ((57, 60, 64, 69), (53, 57, 60, 65), (48, 55, 60, 64), (55, 59, 62, 67)) * 2
"""A chord for each bar, as MIDI notes: A minor, F, C, G."""

MELODY = (
    # beat from the start, MIDI note, length in beats
    (0.0, 76, 1.5), (1.5, 74, 0.5), (2.0, 72, 2.0),
    (4.0, 69, 1.5), (5.5, 72, 0.5), (6.0, 77, 2.0),
    (8.0, 76, 1.0), (9.0, 79, 1.0), (10.0, 76, 2.0),
    (12.0, 74, 1.5), (13.5, 71, 0.5), (14.0, 74, 1.0), (15.0, 79, 1.0),
    (16.0, 81, 1.0), (17.0, 84, 0.5), (17.5, 83, 0.5), (18.0, 81, 1.0), (19.0, 76, 1.0),
    (20.0, 77, 1.0), (21.0, 81, 0.5), (21.5, 79, 0.5), (22.0, 77, 1.0), (23.0, 72, 1.0),
    (24.0, 79, 1.0), (25.0, 84, 0.5), (25.5, 83, 0.5), (26.0, 84, 1.0), (27.0, 88, 1.0),
    (28.0, 86, 1.5), (29.5, 83, 0.5), (30.0, 79, 1.0), (31.0, 83, 1.0),
    (32.0, 81, 4.0),
)  # fmt: skip


@dataclass(frozen=True)
class TrueBeat:
    """Where a beat is, in seconds, and whether a bar begins there."""

    time: float
    downbeat: bool


def beats() -> list[TrueBeat]:
    """The true beats, the last chord's included."""
    return [TrueBeat(LEAD_IN + index * BEAT, index % 4 == 0) for index in range(BARS * 4 + 1)]


def sections() -> list[tuple[str, float, float]]:
    """The true sections: label, start and end in seconds."""
    turn = LEAD_IN + VERSE_BARS * 4 * BEAT
    end = LEAD_IN + BARS * 4 * BEAT
    return [("verse", LEAD_IN, turn), ("chorus", turn, end), ("outro", end, DURATION)]


def compose() -> Sound:
    """The song: float64 of shape (samples, 2), within -1..1, at `RATE`."""
    noise = np.random.default_rng(112)
    mix = Mix()
    _drums(mix, noise)
    _bass(mix)
    _pads(mix)
    _arpeggio(mix)
    _melody(mix)
    wet = _room(mix.send, noise)
    song = np.tanh(1.15 * (mix.dry + wet))
    fade = np.ones(len(song))
    fade[-RATE // 2 :] = np.linspace(1.0, 0.0, RATE // 2) ** 2
    song *= fade[:, None]
    return np.asarray(0.89 * song / np.abs(song).max())


class Mix:
    """Two buses of shape (samples, 2): what is heard as it is, and what goes to the room."""

    def __init__(self) -> None:
        self.dry: Sound = np.zeros((round(DURATION * RATE), 2))
        self.send: Sound = np.zeros_like(self.dry)

    def add(self, beat: float, sound: Sound, *, gain: float, pan: float = 0.0, send: float = 0.0) -> None:
        """Place a mono sound at a beat. pan: -1 (left) to 1 (right)."""
        start = round((LEAD_IN + beat * BEAT) * RATE)
        sound = sound[: len(self.dry) - start]
        angle = (pan + 1) * np.pi / 4
        placed = gain * sound[:, None] * np.array([np.cos(angle), np.sin(angle)])
        self.dry[start : start + len(sound)] += placed
        self.send[start : start + len(sound)] += send * placed


def _seconds(length: float) -> Sound:
    return np.arange(round(length * RATE)) / RATE


def _pitch(note: float) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


def _envelope(time: Sound, attack: float, release: float) -> Sound:
    """Rise over `attack` seconds, fall over the last `release`."""
    left = time[-1] - time
    return np.asarray(np.clip(time / attack, 0, 1) * np.clip(left / release, 0, 1))


def _saw(frequency: float, time: Sound, partials: int, darkness: float) -> Sound:
    """A band-limited sawtooth whose partial k is weaker by 1 / k**darkness."""
    top = min(partials, int(0.4 * RATE / frequency))
    phase = 2 * np.pi * frequency * time
    return np.asarray(sum(np.sin(k * phase) / k**darkness for k in range(1, top + 1)))


def _kick() -> Sound:
    time = _seconds(0.32)
    sweep = 2 * np.pi * np.cumsum(48 + 130 * np.exp(-time / 0.022)) / RATE
    click = np.exp(-time / 0.002) * np.sin(2 * np.pi * 1800 * time)
    return np.asarray(np.sin(sweep) * np.exp(-time / 0.11) + 0.35 * click)


def _snare(noise: np.random.Generator) -> Sound:
    time = _seconds(0.24)
    rattle = np.diff(noise.standard_normal(len(time)), prepend=0.0)
    body = np.sin(2 * np.pi * 196 * time) * np.exp(-time / 0.05)
    return np.asarray(0.42 * rattle * np.exp(-time / 0.07) + 0.8 * body)


def _hat(noise: np.random.Generator, length: float) -> Sound:
    time = _seconds(length * 3)
    bright = np.diff(noise.standard_normal(len(time)), n=2, prepend=[0.0, 0.0])
    return np.asarray(0.25 * bright * np.exp(-time / length))


def _drums(mix: Mix, noise: np.random.Generator) -> None:
    turn, end = VERSE_BARS * 4, BARS * 4
    kick, snare = _kick(), _snare(noise)
    closed, opened, crash = _hat(noise, 0.02), _hat(noise, 0.09), _hat(noise, 0.5)
    for beat in range(end):
        loud = beat >= turn
        place = beat % 4
        if loud or place in (0, 2):
            mix.add(beat, kick, gain=0.9 if loud else 0.72)
        if place in (1, 3):
            mix.add(beat, snare, gain=0.62 if loud else 0.34, send=0.25)
        mix.add(beat, closed, gain=0.16 if loud else 0.09, pan=0.3)
        mix.add(beat + 0.5, opened if loud else closed, gain=0.13 if loud else 0.07, pan=-0.3)
    for step in range(4):  # a fill into the chorus
        mix.add(turn - 1 + step / 4, snare, gain=0.2 + 0.1 * step, send=0.2)
    for beat in (turn, end):
        mix.add(beat, kick, gain=0.95)
        mix.add(beat, crash, gain=0.3, pan=0.15, send=0.4)


def _bass(mix: Mix) -> None:
    for bar, chord in enumerate(CHORDS):
        root = chord[0] - 12 if chord[0] > 50 else chord[0]
        loud = bar >= VERSE_BARS
        pattern = [(step / 2, 0.5) for step in range(8)] if loud else [(0.0, 1.5), (2.0, 1.0), (3.5, 0.5)]
        for beat, length in pattern:
            time = _seconds(length * BEAT * 0.94)
            octave = 12 if loud and beat % 1 else 0
            tone = _saw(_pitch(root - 12 + octave), time, 12, 1.35)
            mix.add(bar * 4 + beat, tone * _envelope(time, 0.006, 0.04), gain=0.26 if loud else 0.22)
    time = _seconds(TAIL)
    last = _saw(_pitch(33), time, 8, 1.5) * np.exp(-time / 1.1)
    mix.add(BARS * 4, last * _envelope(time, 0.006, 0.3), gain=0.3)


def _pads(mix: Mix) -> None:
    bars: list[tuple[int, tuple[int, ...], float]] = [(bar, chord, 4 * BEAT) for bar, chord in enumerate(CHORDS)]
    for bar, chord, length in [*bars, (BARS, CHORDS[0], TAIL)]:
        time = _seconds(length)
        breath = 0.55 + 0.45 * np.clip((time % BEAT) / (0.6 * BEAT), 0, 1)  # ducks under each kick
        level = 0.055 if VERSE_BARS <= bar < BARS else 0.042
        for index, note in enumerate(chord):
            for detune, pan in ((-0.06, -0.7), (0.06, 0.7)):
                tone = _saw(_pitch(note + detune), time, 9, 1.6) * _envelope(time, 0.03, 0.12) * breath
                mix.add(bar * 4, tone, gain=level, pan=pan * (1 - 0.2 * index), send=0.5)


def _arpeggio(mix: Mix) -> None:
    time = _seconds(0.35)
    decay = np.exp(-time / 0.09) * _envelope(time, 0.003, 0.05)
    for bar in range(VERSE_BARS, BARS):
        for step in range(16):
            note = CHORDS[bar][(0, 1, 2, 3, 2, 1)[step % 6]] + 12
            tone = _saw(_pitch(note), time, 5, 1.2) * decay
            mix.add(bar * 4 + step / 4, tone, gain=0.07, pan=0.6 * (-1) ** step, send=0.6)


def _melody(mix: Mix) -> None:
    for beat, note, length in MELODY:
        time = _seconds(length * BEAT)
        vibrato = 0.12 * np.clip(time - 0.2, 0, 0.3) / 0.3 * np.sin(2 * np.pi * 5.3 * time)
        phase = 2 * np.pi * np.cumsum(440.0 * 2 ** ((note + vibrato - 69) / 12)) / RATE
        tone = np.sin(phase) + 0.35 * np.sin(2 * phase) + 0.18 * np.sin(3 * phase) + 0.08 * np.sin(5 * phase)
        loud = beat >= VERSE_BARS * 4
        mix.add(beat, tone * _envelope(time, 0.012, 0.07), gain=0.17 if loud else 0.13, pan=-0.1, send=0.55)


def _room(send: Sound, noise: np.random.Generator) -> Sound:
    """A hall: each channel convolved with its own decaying noise."""
    time = _seconds(1.4)
    size = 1 << int(len(send) + len(time)).bit_length()
    wet = np.empty_like(send)
    for channel in range(2):
        tail = noise.standard_normal(len(time)) * np.exp(-time / 0.28)
        tail[: round(0.012 * RATE)] = 0.0
        spectrum = np.fft.rfft(send[:, channel], size) * np.fft.rfft(tail, size)
        wet[:, channel] = np.fft.irfft(spectrum, size)[: len(send)]
    return wet * 0.018


def write_wav(path: Path, song: Sound) -> None:
    """16-bit stereo WAV. A file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    with wave.open(str(partial), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(np.round(song * 32767).astype("<i2").tobytes())
    partial.replace(path)


if __name__ == "__main__":
    write_wav(Path(sys.argv[1] if len(sys.argv) > 1 else "sample.wav"), compose())
