"""Rhythm: what the picture does with the beat at a moment. Pure functions of the analysis and the time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, floor

from libs.contracts.analysis import Analysis
from services.generator.builtin.easing import cubic_out, smooth

ATTACK_S = 0.03
"""The pulse rises this long before its beat, so that it doesn't pop."""
FAST_BPM = 150.0
"""Above it the picture pulses on every second beat."""
IDLE_BEAT_S = 0.75
"""The step of the picture's own slow count where the song has no beats."""
BAR_TAU_S = 0.35
"""Decay of a downbeat's pulse."""
REACH = 4
"""Beats before the moment that still sound in it."""


@dataclass(frozen=True)
class Rhythm:
    """Beats and energy of the song as the picture follows them. Times in seconds of the song."""

    beats: tuple[float, ...]
    weights: tuple[float, ...]
    """0..1 for each beat."""
    downbeats: tuple[float, ...]
    energy_times: tuple[float, ...]
    energy_values: tuple[float, ...]

    @classmethod
    def of(cls, analysis: Analysis) -> Rhythm:
        """The rhythm of an analysis; very fast songs count in pairs of beats."""
        beats = list(analysis.beats)
        if analysis.tempo.bpm > FAST_BPM and len(beats) > 2:
            first = next((index % 2 for index, beat in enumerate(beats) if beat.downbeat), 0)
            beats = beats[first::2]
        return cls(
            beats=tuple(beat.time for beat in beats),
            weights=tuple(0.55 + 0.25 * beat.strength + (0.2 if beat.downbeat else 0.0) for beat in beats),
            downbeats=tuple(beat.time for beat in analysis.beats if beat.downbeat),
            energy_times=tuple(point.time for point in analysis.energy),
            energy_values=tuple(point.value for point in analysis.energy),
        )

    def pulse(self, time: float, tau: float = 0.22) -> float:
        """0..1: jumps up on each beat, with a short smooth attack before it, and decays with `tau` seconds."""
        return _pulse(self.beats, self.weights, time, tau)

    def bar_pulse(self, time: float) -> float:
        """0..1: like `pulse`, on downbeats only, and slower."""
        return _pulse(self.downbeats, (1.0,) * len(self.downbeats), time, BAR_TAU_S)

    def count(self, time: float) -> float:
        """Beats since the song's start, going on evenly before the first and after the last beat."""
        return _place(self.beats, time)

    def step(self, time: float) -> float:
        """Like `count`, but it hits and settles: most of each step is done right after its beat."""
        count = self.count(time)
        whole = floor(count)
        return whole + cubic_out(1.5 * (count - whole))

    def bar(self, time: float) -> float:
        """Bars since the song's start, going on evenly."""
        if len(self.downbeats) < 2:
            return self.count(time) / 4.0
        return _place(self.downbeats, time)

    def bar_step(self, time: float) -> float:
        """Like `bar`, but it hits and settles within the first beats of the bar."""
        bar = self.bar(time)
        whole = floor(bar)
        return whole + cubic_out(2.5 * (bar - whole))

    def energy(self, time: float) -> float:
        """0..1; a middle value where the song tells nothing."""
        if not self.energy_times:
            return 0.5
        times, values = self.energy_times, self.energy_values
        after = bisect_right(times, time)
        if after == 0 or after == len(times):
            return values[min(after, len(times) - 1)]
        slope = (values[after] - values[after - 1]) / (times[after] - times[after - 1])
        return slope * (time - times[after - 1]) + values[after - 1]


def _pulse(at: Sequence[float], weights: Sequence[float], time: float, tau: float) -> float:
    last = bisect_right(at, time)
    level = 0.0
    for index in range(max(0, last - REACH), last):
        level = max(level, weights[index] * exp(-(time - at[index]) / tau))
    if last < len(at) and (ahead := at[last] - time) < ATTACK_S:
        level = max(level, weights[last] * smooth(1.0 - ahead / ATTACK_S))
    return min(level, 1.0)


def _place(beats: Sequence[float], time: float) -> float:
    if len(beats) < 2:
        return time / IDLE_BEAT_S
    last = bisect_right(beats, time)
    if last == 0:
        return (time - beats[0]) / (beats[1] - beats[0])
    if last == len(beats):
        return last - 1 + (time - beats[-1]) / (beats[-1] - beats[-2])
    before, after = beats[last - 1], beats[last]
    return last - 1 + (time - before) / (after - before)
