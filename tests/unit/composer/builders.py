"""Clips and words in few letters."""

from __future__ import annotations

from libs.contracts.analysis import Word
from libs.contracts.artifacts import Blob
from libs.contracts.storyboard import Clip, Storyboard


def clips(of: Storyboard) -> list[Clip]:
    """For each scene a clip with just the handles that its transitions need."""
    made = []
    for number, scene in enumerate(of.scenes):
        lead = scene.transition.frames // 2 if number else 0
        tail = of.scenes[number + 1].transition.frames // 2 if number + 1 < len(of.scenes) else 0
        blob = Blob(sha256=f"{number:064}", size=1, media_type="video/mp4")
        frames = lead + scene.end_frame - scene.start_frame + tail
        made.append(Clip(scene_id=scene.id, lead=lead, frames=frames, blob=blob))
    return made


def line(text: str, start: float, *, number: int = 0, each: float = 0.3, confidence: float = 1.0) -> list[Word]:
    """The words of a line, one after the other."""
    return [
        Word(text=word, start=start + each * at, end=start + each * (at + 1), confidence=confidence, line=number)
        for at, word in enumerate(text.split(" "))
    ]
