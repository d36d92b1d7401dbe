"""Scenes, songs and pictures to draw in tests."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from libs.contracts.analysis import Analysis, Beat, EnergyPoint, Key, Tempo, Word
from libs.contracts.storyboard import Camera, Palette, Scene, Shot
from libs.picture.load import Picture
from libs.picture.subject import Subject
from services.generator.builtin.paint.noise import periodic
from services.generator.builtin.painter import Painter

FPS = Fraction(30)
DARK = Palette(ground="#150b1c", low="#45234c", mid="#a83a55", accent="#ea8c24", light="#f6ead0")
LIGHT = Palette(ground="#f6ece0", low="#e0bd93", mid="#d1665b", accent="#2757b0", light="#0e1330")
WORDS = ("run", "away", "with", "me")
MOVES = ("push", "pull", "pan_left", "pan_right", "tilt_up", "tilt_down", "orbit", "handheld")


def song(bpm: float = 120.0, seconds: float = 20.0) -> Analysis:
    """A song with even beats; none at 0 bpm."""
    count = int(seconds * bpm / 60.0)
    return Analysis(
        duration=seconds,
        tempo=Tempo(bpm=bpm, confidence=1.0 if bpm else 0.0, stable=bool(bpm)),
        meter=4,
        beats=tuple(Beat(time=i * 60.0 / bpm, strength=0.8, downbeat=i % 4 == 0) for i in range(count)),
        onsets=(),
        energy=(EnergyPoint(time=0.0, value=0.6),),
        key=Key(tonic="C", mode="major", confidence=1.0),
        sections=(),
        words=tuple(
            Word(text=text, start=0.5 * i, end=0.5 * i + 0.4, confidence=1.0, line=i // 4)
            for i, text in enumerate(WORDS * int(seconds))
        )[: int(2 * seconds)],
    )


def shot(
    look: str = "auto",
    *,
    variant: int = 0,
    group: int = 0,
    start: int = 60,
    frames: int = 120,
    lead: int = 0,
    seed: int = 7,
    move: str = "push",
    energy: float = 0.6,
    motion: float = 0.5,
    palette: Palette = DARK,
    text: str = "TONIGHT",
) -> Shot:
    """A shot of one scene."""
    scene = Scene(
        id="s001",
        start_frame=start,
        end_frame=start + frames - lead,
        section="verse",
        group=group,
        energy=energy,
        camera=Camera(move=move, amount=0.4),
        motion=motion,
        look=look,
        palette=palette,
        prompt="",
        negative_prompt="",
        seed=seed,
        variant=variant,
        text=text,
        lyrics="none",
    )
    return Shot(scene=scene, lead=lead, frames=frames)


def painter(
    order: Shot,
    *,
    analysis: Analysis | None = None,
    picture: Picture | None = None,
    subject: Subject | None = None,
    width: int = 192,
    height: int = 108,
) -> Painter:
    """A painter of small frames."""
    return Painter(order, analysis or song(), fps=FPS, width=width, height=height, picture=picture, subject=subject)


def soft_picture(side: int = 256) -> Picture:
    """A picture with little in it: soft blotches."""
    tile = periodic(np.random.default_rng(1), side, 5.0)
    gray: npt.NDArray[np.uint8] = np.clip(128.0 + 22.0 * tile, 0, 255).astype(np.uint8)
    return Picture(np.ascontiguousarray(np.repeat(gray[..., None], 3, axis=2)))


def round_subject(side: int = 256) -> Subject:
    """A disc in the middle of such a picture, as if it had been cut out."""
    y, x = np.mgrid[0:side, 0:side] / side
    away = np.hypot(x - 0.5, y - 0.55)
    mask = np.clip((0.3 - away) * side / 2.0 + 0.5, 0.0, 1.0)
    return Subject(
        mask=np.rint(255.0 * mask).astype(np.uint8), box=(0.2, 0.25, 0.8, 0.85), cover=0.28, strength=4.0
    )
