"""Analyses made by hand and by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from libs.contracts.analysis import Analysis, Beat, EnergyPoint, Key, Section, Tempo

RATES = ("30", "29.97", "25", "23.976", "24", "60", "12.5", "10")


def song(
    duration: float,
    beats: list[float] | None = None,
    *,
    meter: int = 4,
    energies: list[float] | None = None,
    sections: list[tuple[str, float, int]] | None = None,
) -> Analysis:
    """An analysis. energies: one a second; sections: (label, start, group)."""
    starts = sections or [("part", 0.0, 0)]
    ends = [start for _, start, _ in starts[1:]] + [duration]
    values = energies or [0.6]
    return Analysis(
        duration=duration,
        tempo=Tempo(bpm=120.0 if beats else 0.0, confidence=0.9, stable=True),
        meter=meter,
        beats=tuple(Beat(time=time, strength=0.7, downbeat=i % meter == 0) for i, time in enumerate(beats or [])),
        onsets=(),
        energy=tuple(EnergyPoint(time=float(i), value=value) for i, value in enumerate(values)),
        key=Key(tonic="A", mode="minor", confidence=0.8),
        sections=tuple(
            Section(label=label, start=start, end=end, group=group, energy=0.5)
            for (label, start, group), end in zip(starts, ends, strict=True)
        ),
    )


def steady(bpm: float, duration: float, start: float = 0.1) -> list[float]:
    return [start + i * 60.0 / bpm for i in range(int((duration - start) * bpm / 60.0) + 1)]


def bounds_of(duration: float, cuts: list[float]) -> list[float]:
    return sorted({0.0, *(round(cut * duration, 3) for cut in cuts)})


@st.composite
def songs(draw: st.DrawFn, longest: float = 240.0) -> Analysis:
    """Any song: steady, wild or no beats, any sections, any energy, any length."""
    duration = draw(st.floats(0.05, longest))
    kind = draw(st.sampled_from(["steady", "wild", "none"]))
    beats: list[float] = []
    if kind == "steady":
        beats = steady(draw(st.floats(40.0, 220.0)), duration, draw(st.floats(0.0, 2.0)))
    elif kind == "wild":
        beats = sorted(draw(st.lists(st.floats(0.0, longest), max_size=60)))
    labels = ("intro", "verse", "chorus", "bridge", "outro", "part")
    starts = bounds_of(duration, draw(st.lists(st.floats(0.01, 0.99), max_size=8)))
    sections = [(draw(st.sampled_from(labels)), start, draw(st.integers(0, 3))) for start in starts]
    energies = draw(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60))
    return song(duration, beats, meter=draw(st.sampled_from([2, 3, 4])), energies=energies, sections=sections)


rates = st.sampled_from(RATES)
