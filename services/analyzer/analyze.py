"""The whole analysis of a song: decode once, then hear tempo, beats, sections, key and words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from libs.contracts.analysis import Analysis, Beat, EnergyPoint, Notice
from libs.media.sound import mono_chunks
from services.analyzer import energy, lyrics
from services.analyzer.beats import NO_PULSE, find_pulse
from services.analyzer.key import find_key
from services.analyzer.meter import find_bars
from services.analyzer.onsets import envelope, onset_times
from services.analyzer.sections import find_sections
from services.analyzer.spectrum import RATE, SLOW_FPS, spectra
from services.analyzer.tape import Rows, Tape

Report = Callable[[float, str], None]


def analyze(
    path: Path, words: bytes | None = None, report: Report | None = None, folder: Path | None = None
) -> Analysis:
    """What is heard in the file. `words` is the lyrics file's content, if one was given.

    The song and what is long about it are kept in files in `folder`; None: where the system keeps such files.
    Raises `Permanent` as `mono_chunks` does, and with `bad_lyrics`; `Retryable("no_space")`. A song without
    sound or pulse is no error: it has notices.
    """
    say = report or _quiet
    say(0.0, "decoding")
    return analyze_samples(recorded(path, folder), words, say, folder)


def recorded(path: Path, folder: Path | None) -> Tape:
    """The file's sound, mono at `RATE`."""
    tape = Tape(folder)
    for chunk in mono_chunks(path, RATE):
        tape.append(chunk)
    return tape


def analyze_samples(
    samples: Rows, words: bytes | None = None, report: Report | None = None, folder: Path | None = None
) -> Analysis:
    """The same for mono samples at `RATE`."""
    say = report or _quiet
    duration = len(samples) / RATE
    notices: list[Notice] = []
    say(0.35, "measuring")
    heard = spectra(samples, folder)
    outline = energy.peaks(samples)
    del samples  # its file is the longest
    loudness = energy.curve(heard)
    silent = energy.is_silent(heard)
    say(0.6, "finding beats")
    env = envelope(heard)
    pulse = NO_PULSE if silent else find_pulse(heard, env)
    bars = find_bars(heard, env, pulse.beats, pulse.tempo)
    say(0.8, "finding sections")
    sections = find_sections(heard, loudness, pulse.beats, pulse.beats[bars.downbeat], duration)
    if silent:
        notices.append(Notice(code="silent_song", message="The song is silent; the video has no beats to follow."))
    elif not len(pulse.beats):
        notices.append(Notice(code="no_beats", message="No steady pulse was found; cuts fall at even times."))
    found = lyrics.parse(words, duration, sections) if words is not None else lyrics.NO_LYRICS
    if found.words and not found.timed:
        notices.append(
            Notice(code="lyrics_untimed", message="The lyrics have no times, so they are not shown as captions.")
        )
    if missing := lyrics.letters_without_font(found.words):
        message = f"No typeface here has {missing[:5]}: left out where lyrics are drawn, boxes in captions."
        notices.append(Notice(code="lyrics_font", message=message))
    say(1.0, "heard")
    return Analysis(
        duration=duration,
        tempo=pulse.tempo,
        meter=bars.meter,
        beats=tuple(
            Beat(time=round(float(time), 4), strength=round(float(strength), 3), downbeat=bool(first))
            for time, strength, first in zip(pulse.beats, pulse.strengths, bars.downbeat, strict=True)
        ),
        onsets=() if silent else tuple(round(float(time), 3) for time in onset_times(env)),
        energy=tuple(
            EnergyPoint(time=round(i / SLOW_FPS, 2), value=round(float(value), 3))
            for i, value in enumerate(loudness)
        ),
        key=find_key(heard.chroma, heard.bass),
        sections=sections,
        words=found.words,
        peaks=tuple(np.round(outline.astype(float), 3).tolist()),
        brightness=round(energy.brightness(heard), 3),
        notices=tuple(notices),
    )


def _quiet(fraction: float, message: str) -> None:
    """Nobody asked for progress."""
