"""Analyses made by hand and by hypothesis."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from libs.contracts.analysis import Analysis, Beat, EnergyPoint, Key, Section, Tempo, Word
from libs.picture.facts import PictureFacts

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


FORMS: dict[str, tuple[float, float, bool, str]] = {
    "pop": (62, 128, True, "intro 0 0 .59 verse 5.7 1 .78 chorus 22.6 2 .93 bridge 37.6 3 .77 chorus 43.2 2 .84"),
    "waltz": (61, 157, True, "intro 0 0 .61 verse 4.7 1 .67 chorus 18.5 2 .91 verse 36.8 1 .65 outro 55.2 3 .41"),
    "swing": (59, 152, True, "intro 0 0 .81 chorus 6.4 1 .93 verse 31.7 2 .89 outro 44.3 1 .86"),
    "ramp": (63, 109, False, "intro 0 0 .62 verse 5.3 1 .79 chorus 38.2 2 .94 outro 52.7 0 .56"),
    "bossa": (56, 132, True, "intro 0 0 .75 verse 7.8 1 .91 chorus 45.6 2 .95 outro 51 3 .57"),
    "house": (60, 124, True, "intro 0 0 .76 chorus 19.5 1 .9 verse 42.7 2 .71 chorus 50.4 1 .84"),
    "rubato": (56, 142, False, "verse 0 0 .77 chorus 39.1 1 .85 outro 47.6 2 .62"),
    "folk": (53, 66, True, "verse 0 0 .47 chorus 7.4 1 .85"),
    "trap": (52, 142, True, "intro 0 0 .29 chorus 6.9 1 .78 verse 20.4 2 .93 chorus 33.9 1 .79 outro 45.7 0 .36"),
    "rock": (
        55, 95, True, "intro 0 0 .74 part 5.5 1 .74 verse 10.6 2 .88 chorus 15.6 3 .79 bridge 28.2 4 .82 "
        "chorus 33.3 3 .8 bridge 45.9 5 .81",
    ),
    "metal": (45, 170, True, "intro 0 0 .81 chorus 7.8 1 .95 bridge 20.5 2 .78 chorus 27.5 1 .92 verse 37.4 3 .92"),
    "speech": (39, 90, True, "intro 0 0 .44 verse 8.1 1 .68 outro 28.1 0 .38"),
    "parts": (45, 111, True, "intro 0 0 .56 part 6.6 1 .59 verse 15.3 2 .62 bridge 23.9 3 .6 chorus 28.2 4 .91"),
    "long": (
        210, 120, True, "intro 0 0 .3 verse 12 1 .6 chorus 44 2 .9 verse 60 1 .6 chorus 92 2 .9 bridge 108 3 .5 "
        "chorus 132 2 .95 verse 150 1 .6 chorus 170 2 1 outro 196 0 .3",
    ),
    "one": (120, 120, True, "part 0 0 .6"),
}  # fmt: skip
"""What was heard in songs of many kinds: seconds, beats a minute, whether they hold; label, start, group and energy
of each section."""


def formed(name: str) -> Analysis:
    """The song of a form, without words."""
    seconds, bpm, stable, form = FORMS[name]
    fields = form.split()
    parts = list(
        zip(fields[::4], map(float, fields[1::4]), map(int, fields[2::4]), map(float, fields[3::4]), strict=True)
    )
    sections = [(label, start, group) for label, start, group, _ in parts]
    louds = [(start, energy) for _, start, _, energy in parts]
    energies = [[loud for start, loud in louds if start <= second][-1] for second in range(int(seconds) + 1)]
    heard = song(seconds, steady(bpm, seconds), energies=energies, sections=sections)
    return msgspec.structs.replace(heard, tempo=Tempo(bpm=bpm, confidence=0.9, stable=stable))


SONGS = {name: formed(name) for name in FORMS}


def sung(heard: Analysis, lines: list[tuple[float, str]], *, confidence: float = 1.0) -> Analysis:
    """The song with lyrics: lines by their start, each word lasting .4 s."""
    words = [
        Word(text=text, start=start + 0.4 * i, end=start + 0.4 * i + 0.38, confidence=confidence, line=number)
        for number, (start, line) in enumerate(lines)
        for i, text in enumerate(line.split())
    ]
    return msgspec.structs.replace(heard, words=tuple(words))


PORTRAIT = PictureFacts(
    usable=True, width=512, height=640, short_side=512, aspect=0.8,
    subject=True, cover=0.4, box=(0.2, 0.1, 0.8, 1.0), strength=3.8, faces=1,
    hue=40.0, ground_hue=250.0, chroma=0.14, grey=False, lightness=0.45, contrast=0.7, detail=0.03,
)  # fmt: skip
PICTURES = {
    "portrait": PORTRAIT,
    "small": msgspec.structs.replace(PORTRAIT, subject=False, width=200, height=200, short_side=200),
    "sky": msgspec.structs.replace(
        PORTRAIT, subject=False, width=2000, height=1400, short_side=1400, grey=True, detail=0.01
    ),
}
