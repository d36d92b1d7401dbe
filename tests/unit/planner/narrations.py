"""Narrations made by hand: a voice that takes the same time for the same sentence, wherever it stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from random import Random

from libs.contracts.analysis import Analysis, EnergyPoint, Key, Tempo, Word
from libs.contracts.scripts import Narration, Sentence, SpokenWord
from libs.script.pauses import PARAGRAPH_PAUSE_S, SENTENCE_PAUSE_S
from libs.script.words import words_of

LEAD_S = 2.4
STEPS = 10
REST = 0.25

Told = Sequence[Sequence[str]]
"""Paragraphs of sentences."""


def spoken(text: str, *, pace: float = 1.0, gap: float = 0.0) -> tuple[SpokenWord, ...]:
    """The words of a sentence, about as long as they are. gap: seconds between two of them."""
    random = Random(text)
    at = 0.0
    words = []
    for word in words_of(text):
        length = (0.12 + 0.055 * len(word) + 0.04 * random.random()) / pace
        words.append(SpokenWord(text=word, start=round(at, 3), end=round(at + length, 3)))
        at += length + gap + (0.15 if word[-1] in ",;:" else 0.0)
    return tuple(words)


def told(
    paragraphs: Told, *, fps: str = "30", title: bool = False, pace: float = 1.0, gap: float = 0.0
) -> Narration:
    """The narration of these paragraphs."""
    rate = Fraction(fps)
    at = lead = math.ceil(LEAD_S * rate) if title else 0
    sentences: list[Sentence] = []
    for number, paragraph in enumerate(paragraphs):
        for place, text in enumerate(paragraph):
            words = spoken(text, pace=pace, gap=gap)
            speech = words[-1].end
            ends = place == len(paragraph) - 1
            frames = math.ceil((speech + (PARAGRAPH_PAUSE_S if ends else SENTENCE_PAUSE_S)) * rate)
            sentences.append(
                Sentence(
                    text=text,
                    paragraph=number,
                    start_frame=at,
                    frames=frames,
                    speech_s=speech,
                    samples=round(22050 * speech),
                    rate=22050,
                    words=words,
                )
            )
            at += frames
    return Narration(
        fps=fps,
        frames=at,
        lead_frames=lead,
        language="en",
        voice="hand",
        backend="hand",
        sentences=tuple(sentences),
    )


def heard(narration: Narration) -> Analysis:
    """The analysis of a narration: words, and an energy that is each sentence's own."""
    fps = Fraction(narration.fps)
    words: list[Word] = []
    energy: list[EnergyPoint] = []
    for line, one in enumerate(narration.sentences):
        start = one.start_frame / fps
        random = Random(one.text)
        words += [
            Word(
                text=word.text,
                start=round(float(start + Fraction(word.start)), 6),
                end=round(float(start + Fraction(word.end)), 6),
                confidence=1.0,
                line=line,
            )
            for word in one.words
        ]
        for step in range(math.ceil(one.frames / fps * STEPS)):
            value = REST if step == 0 else round(random.uniform(0.3, 1.0), 3)
            energy.append(EnergyPoint(time=round(float(start + Fraction(step, STEPS)), 6), value=value))
    return Analysis(
        duration=round(float(narration.frames / fps), 6),
        tempo=Tempo(bpm=0.0, confidence=0.0, stable=False),
        meter=4,
        beats=(),
        onsets=tuple(word.start for word in words),
        energy=tuple(energy),
        key=Key(tonic="C", mode="major", confidence=0.0),
        sections=(),
        words=tuple(words),
    )


SEA = (
    (
        "The sea covers more than two thirds of our planet.",
        "Most of it has never been seen by anyone.",
        "Down there it is cold, dark and very quiet.",
    ),
    (
        "Yet life goes on in places where no light has ever been.",
        "Whole forests of glass sponges stand in the deep.",
        "Some of them began to grow when Rome was a village.",
    ),
    (
        "Every year a handful of ships go out to look.",
        "They come home with questions.",
        "What they saw, nobody had a name for!",
    ),
)
CODE = (
    (
        "In nineteen forty-five a computer filled a room.",
        "It could add five thousand numbers in a second.",
        "People thought that the world would need five of them.",
        "Today there are more computers than people.",
        "Most are so small that you never see them.",
        "They open doors, count steps and keep hearts beating.",
        "None of them thinks.",
        "But all of them remember, and they forget nothing.",
        "That is why we should ask who is listening.",
    ),
)
SHORT = tuple(
    (line,)
    for line in (
        "Wake up.",
        "Drink water.",
        "Walk for ten minutes.",
        "Write down one thing that you want.",
        "Then do it.",
        "Tomorrow, do it again.",
        "That is the whole secret.",
    )
)
LIST = (
    ("Here are five things that I learned in a year of growing tomatoes.",),
    ("First: plants want light more than water.", "Put them where the sun is."),
    ("Second: do not move them, they hate it.",),
    ("Third: the best soil is the one that you made yourself, out of leaves and patience.",),
    ("Fourth: birds know before you do when they are ripe.", "Be earlier than the birds."),
    ("Fifth: there will be too many.", "Give them to your neighbours, and you have friends for life."),
)
GERMAN = (
    (
        "Der Wald ist kein Ort, er ist ein Gespräch.",
        "Unter der Erde reden die Bäume miteinander.",
        "Sie warnen sich vor Käfern und teilen ihr Wasser.",
    ),
    ("Wer langsam geht, hört mehr davon.", "Wer stehen bleibt, hört alles.", "Man muss nur Zeit haben."),
)
JAPANESE = (
    ("海はとても広いです。", "夜になると星が光ります。", "私たちは静かに歩きました。", "そして朝が来ました。"),
)
KINDS: dict[str, Told] = {
    "sea": SEA,
    "code": CODE,
    "short": SHORT,
    "list": LIST,
    "german": GERMAN,
    "japanese": JAPANESE,
}
