"""A clip's own clock: a sentence asks for the same clip wherever it stands, whatever is said around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from statistics import fmean

import msgspec
import pytest

from libs.contracts.analysis import Beat, Word
from libs.contracts.jobs import JobOptions
from libs.contracts.scripts import Narration
from services.generator.own_clock import on_own_clock, spoken_beats
from services.planner.narrated import direct
from services.planner.parts import parts_of
from tests.unit.generator.scenes import DARK, shot, song
from tests.unit.planner.narrations import KINDS, SEA, Told, heard, told
from tests.unit.planner.songs import song as bed_of
from tests.unit.planner.songs import steady

NEW = ("Nobody expected what happened next.", "It was a warm evening, and the wind came from the south.", "Look!")
FPS = ("30", "24000/1001", "60")


def asked(narration: Narration, *, seed: int = 5, bpm: float = 0.0, style: str = "auto") -> list[bytes]:
    """What is asked for, scene by scene. Of a look that was chosen all scenes have one ground here."""
    analysis = heard(narration)
    bed = bed_of(60.0, steady(bpm, 60.0)) if bpm else None
    shots = direct(narration, JobOptions(height=360, style=style), seed, bed=bed).shots
    if style != "auto":
        shots = tuple(
            msgspec.structs.replace(one, scene=msgspec.structs.replace(one.scene, palette=DARK)) for one in shots
        )
    rate = Fraction(narration.fps)
    return [msgspec.json.encode(on_own_clock(one, analysis, rate)) for one in shots]


def edits(paragraphs: Told) -> Iterator[tuple[str, Told]]:
    """Every sentence changed, inserted and removed."""
    for number, paragraph in enumerate(paragraphs):
        for place in range(len(paragraph)):
            for text in NEW:
                for kind, end in (("change", place + 1), ("insert", place)):
                    told = [list(one) for one in paragraphs]
                    told[number][place:end] = [text]
                    yield kind, told
            left = [list(one) for one in paragraphs]
            del left[number][place]
            if any(left):
                yield "remove", [one for one in left if one]


def remade(before: list[bytes], after: list[bytes]) -> int:
    return sum((Counter(after) - Counter(before)).values())


@pytest.mark.parametrize("fps", FPS)
@pytest.mark.parametrize("bpm", [0.0, 97.0])
def test_what_is_said_before_moves_a_scene_and_changes_nothing(fps: str, bpm: float) -> None:
    """But for its look, which yields to that of a new neighbour."""
    first = asked(told(SEA, fps=fps), bpm=bpm, style="silk")
    for number, text in enumerate(NEW):
        longer = asked(told([[text, *NEW[: number + 1]], *SEA], fps=fps), bpm=bpm, style="silk")
        # The first scene of all has neither pause nor crossfade before it.
        assert remade(longer, first[1:]) == 0


def test_one_sentence_changed_remakes_its_scene_and_hardly_another() -> None:
    """Beyond the scenes in which something else is told: those whose look yields to a new neighbour."""
    extra: dict[str, list[int]] = {"change": [], "insert": [], "remove": []}
    for paragraphs in KINDS.values():
        for seed in range(2):
            before = asked(told(paragraphs), seed=seed)
            was = Counter(part.text for part in parts_of(told(paragraphs)))
            for kind, edited in edits(paragraphs):
                now = Counter(part.text for part in parts_of(told(edited)))
                extra[kind].append(remade(before, asked(told(edited), seed=seed)) - sum((now - was).values()))
    means = {kind: fmean(found) for kind, found in extra.items()}
    assert means["change"] < 0.25
    assert means["insert"] < 0.5
    assert means["remove"] < 0.75


def test_a_bed_whose_beats_come_to_lie_otherwise_remakes_nothing() -> None:
    assert asked(told(SEA), bpm=97.0) == asked(told(SEA), bpm=103.0)


def test_a_scene_fills_its_clip_and_has_no_name() -> None:
    own, analysis = on_own_clock(shot("hills", start=200, frames=90, lead=6), song(seconds=20.0), Fraction(30))
    assert (own.lead, own.frames, own.scene.start_frame, own.scene.end_frame, own.scene.id) == (0, 90, 0, 90, "")
    assert analysis.duration == 3.0
    start = 194 / 30
    assert [beat.time for beat in analysis.beats] == [round(0.5 * i - start, 3) for i in range(13, 19)]
    assert [beat.downbeat for beat in analysis.beats] == [i % 4 == 0 for i in range(13, 19)]
    assert analysis.words == ()
    assert (analysis.sections, analysis.peaks, analysis.onsets) == ((), (), ())


def test_words_are_heard_where_they_are_drawn() -> None:
    own, analysis = on_own_clock(shot("slam", start=194, frames=90), song(seconds=20.0), Fraction(30))
    assert own.scene.look == "slam"
    assert [word.start for word in analysis.words] == [round(0.5 * i - 194 / 30, 3) for i in range(13, 19)]
    assert analysis.words[0].line == 0


def test_a_voice_moves_pictures_at_its_phrases() -> None:
    said = [(0.1, 0.3, 0), (0.3, 0.6, 0), (0.9, 1.3, 0), (1.5, 1.8, 0), (1.8, 2.2, 0), (2.2, 4.4, 1), (4.4, 5.0, 1)]
    words = [Word(text="w", start=start, end=end, confidence=1.0, line=line) for start, end, line in said]
    assert list(spoken_beats(words)) == [
        Beat(time=0.1, strength=0.6, downbeat=True),
        Beat(time=1.5, strength=0.6, downbeat=False),
        Beat(time=4.4, strength=0.3, downbeat=False),
    ]
    assert list(spoken_beats([])) == []
