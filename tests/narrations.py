"""Narrations of a voice that is made of tones: each word a burst, in slots of whole frames."""

from __future__ import annotations

import math
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np

from libs.contracts.analysis import Analysis, Key, Section, Tempo, Word
from libs.contracts.scripts import Narration, Sentence, SpokenWord
from libs.media.frames import fps_text

RATE = 48000
SCRIPT = (
    ("The keeper had not slept for three days.", 0),
    ("At half past four he saw the ship.", 0),
    ("Nobody stood on deck.", 1),
    ("He rang the bell, and he waited.", 1),
)
"""Sentences, and the paragraph of each."""

Said = Sequence[tuple[str, int]]


def narration(said: Said = SCRIPT, *, fps: Fraction = Fraction(30), lead: int = 0) -> Narration:
    """What a voice makes of these sentences: a word takes 0.1 s and 0.04 s a letter, pauses 0.4 s, 0.8 s after a
    paragraph."""
    sentences: list[Sentence] = []
    at = lead
    for index, (text, paragraph) in enumerate(said):
        ends = index + 1 == len(said) or said[index + 1][1] != paragraph
        words, time = [], 0.0
        for word in text.split():
            long = 0.1 + 0.04 * len(word)
            words.append(SpokenWord(text=word, start=round(time, 3), end=round(time + 0.9 * long, 3)))
            time += long
        frames = math.ceil((Fraction(time) + Fraction(4 if not ends else 8, 10)) * fps)
        samples = round(time * RATE)
        sentences.append(
            Sentence(
                text=text,
                paragraph=paragraph,
                start_frame=at,
                frames=frames,
                speech_s=samples / RATE,
                samples=samples,
                rate=RATE,
                words=tuple(words),
            )
        )
        at += frames
    return Narration(
        fps=fps_text(fps),
        frames=at,
        lead_frames=lead,
        language="en",
        voice="tones",
        backend="piper",
        sentences=tuple(sentences),
    )


def write_voice(path: Path, told: Narration, *, level: float = 0.2, seed: int = 1) -> Path:
    """The narration as a WAV: mono, 48 kHz."""
    random, fps = np.random.default_rng(seed), Fraction(told.fps)
    sound = np.zeros(round(told.frames / fps * RATE))
    for sentence in told.sentences:
        start = round(sentence.start_frame / fps * RATE)
        for word in sentence.words:
            first, count = start + round(word.start * RATE), round((word.end - word.start) * RATE)
            time = np.arange(count) / RATE
            pitch = 120 * (1 + 0.3 * random.random())
            tone = sum(np.sin(2 * np.pi * pitch * part * time) / part for part in range(1, 12))
            burst = (tone + 0.2 * random.standard_normal(count)) * np.sin(np.pi * np.arange(count) / count) ** 0.6
            sound[first : first + count] += level * burst
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def analysis_of(told: Narration) -> Analysis:
    """The narration as an analysis: each sentence a caption, each paragraph a section."""
    fps = Fraction(told.fps)
    words = [
        Word(
            text=word.text,
            start=round(float(sentence.start_frame / fps) + word.start, 3),
            end=round(float(sentence.start_frame / fps) + word.end, 3),
            confidence=1.0,
            line=number,
        )
        for number, sentence in enumerate(told.sentences)
        for word in sentence.words
    ]
    seconds = float(told.frames / fps)
    return Analysis(
        duration=seconds,
        tempo=Tempo(bpm=0, confidence=0, stable=False),
        meter=4,
        beats=(),
        onsets=(),
        energy=(),
        key=Key(tonic="C", mode="major", confidence=0),
        sections=(Section(label="part", start=0, end=seconds, group=0, energy=0.5),),
        words=tuple(words),
    )


def moved(told: Narration, frames: int) -> Narration:
    """The same, so many frames later."""
    later = [msgspec.structs.replace(one, start_frame=one.start_frame + frames) for one in told.sentences]
    return msgspec.structs.replace(told, frames=told.frames + frames, sentences=tuple(later))
