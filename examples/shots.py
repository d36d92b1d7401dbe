"""A song that is nothing but beats and words, a theme picture, and a shot of any look: for pages and benchmarks."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path

from libs.contracts.analysis import Analysis, Beat, EnergyPoint, Key, Section, Tempo, Word
from libs.contracts.storyboard import Camera, Palette, Scene, Shot
from libs.picture.load import Picture, load_picture
from libs.picture.oklab import oklab_of
from libs.picture.subject import Subject, find_subject
from services.generator.builtin.painter import Painter

PICTURES = Path(__file__).resolve().parent / "pictures"
FPS = Fraction(30)
SECONDS = 40.0
PALETTES = (
    Palette(ground="#150b1c", low="#45234c", mid="#a83a55", accent="#ea8c24", light="#f6ead0"),
    Palette(ground="#0b1424", low="#17395c", mid="#2a6f97", accent="#f08a5d", light="#f4ead8"),
    Palette(ground="#f4ece0", low="#e3bfa2", mid="#d5574e", accent="#23487f", light="#121a33"),
)


def song(bpm: float = 112.0, energy: float = 0.75) -> Analysis:
    """Even beats, and a line of lyrics in each bar."""
    step = 60.0 / bpm
    beats = tuple(
        Beat(time=i * step, strength=0.9 if i % 2 == 0 else 0.7, downbeat=i % 4 == 0)
        for i in range(int(SECONDS / step))
    )
    line = ("Run", "away", "with me", "tonight")
    words = tuple(
        Word(text=line[i % 4], start=beat.time + 0.02, end=beat.time + 0.85 * step, confidence=1.0, line=i // 4)
        for i, beat in enumerate(beats)
    )
    return Analysis(
        duration=SECONDS,
        tempo=Tempo(bpm=bpm, confidence=1.0, stable=True),
        meter=4,
        beats=beats,
        onsets=tuple(beat.time for beat in beats),
        energy=(EnergyPoint(time=0.0, value=energy),),
        key=Key(tonic="A", mode="minor", confidence=1.0),
        sections=(Section(label="chorus", start=0.0, end=SECONDS, group=0, energy=energy),),
        words=words,
    )


def shot(look: str, number: int, frames: int, *, palette: Palette | None = None, energy: float = 0.75) -> Shot:
    """A shot from the song's second second on. `number` sets framing, layout, palette and seed apart."""
    scene = Scene(
        id=f"s{number:03d}",
        start_frame=60,
        end_frame=60 + frames,
        section="chorus",
        group=0,
        energy=energy,
        camera=Camera(move="push", amount=0.5),
        motion=energy,
        look=look,
        palette=palette or PALETTES[number % len(PALETTES)],
        prompt="",
        negative_prompt="",
        seed=11 + number,
        text="Tonight",
        lyrics="none",
    )
    return Shot(scene=scene, lead=0, frames=frames)


@cache
def theme(name: str) -> tuple[Picture, Subject | None]:
    """A picture of this folder, and its subject."""
    picture = load_picture(PICTURES / name, oklab_of("#150b1c"))
    return picture, find_subject(picture)


def paint(order: Shot, width: int, height: int, *, analysis: Analysis | None = None) -> Painter:
    """A painter that has all that a look may need."""
    picture, subject = theme("portrait.jpg")
    return Painter(order, analysis or song(), fps=FPS, width=width, height=height, picture=picture, subject=subject)
