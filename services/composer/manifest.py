"""The manifest of a narrated video, from its documents. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from libs.contracts.artifacts import Blob
from libs.contracts.facts import SceneImage
from libs.contracts.manifest import File, Manifest, ToldScene, ToldWord
from libs.contracts.scripts import Narration
from libs.contracts.storyboard import Clip, Scene, Storyboard
from libs.contracts.tasks import Compose
from services.composer.lit import gaps

VIDEO = "stitched_subtitled.mp4"
VOICEOVER = "voiceover.mp3"


class Said(NamedTuple):
    """A word, what parts it from the one before, and the frame in which it begins."""

    word: ToldWord
    gap: str
    frame: int


def manifest(
    order: Compose, board: Storyboard, narration: Narration, video: Blob, images: Sequence[SceneImage]
) -> Manifest:
    """What is told, shown and heard in each scene of an order that is narrated."""
    assert order.narrated is not None
    fps = Fraction(board.fps)
    clips = {clip.scene_id: clip for clip in order.clips}
    pictures = {image.scene_id: image.blob for image in images}
    said = words_said(narration, fps)
    return Manifest(
        fps=board.fps,
        frames=board.frames,
        duration=round(float(board.frames / fps), 3),
        width=board.width,
        height=board.height,
        language=narration.language,
        voice=narration.voice,
        backend=narration.backend,
        captions=order.options.captions,
        bed=order.narrated.bed is not None,
        video=_file(VIDEO, video),
        voiceover=_file(VOICEOVER, order.narrated.voiceover),
        scenes=tuple(_scene(scene, said, clips[scene.id], pictures[scene.id], fps) for scene in board.scenes),
    )


def words_said(narration: Narration, fps: Fraction) -> list[Said]:
    """All words, on the clock of the video."""
    found = []
    for sentence in narration.sentences:
        start = float(sentence.start_frame / fps)
        for number, (word, gap) in enumerate(zip(sentence.words, gaps(sentence), strict=True)):
            told = ToldWord(
                text=word.text,
                start=round(start + word.start, 3),
                end=round(start + word.end, 3),
                spoken=word.spoken,
            )
            frame = sentence.start_frame + round(Fraction(word.start) * fps)
            found.append(Said(told, gap if number else " ", frame))
    return found


def _scene(scene: Scene, said: Sequence[Said], clip: Clip, image: Blob, fps: Fraction) -> ToldScene:
    own = [one for one in said if scene.start_frame <= one.frame < scene.end_frame]
    return ToldScene(
        id=scene.id,
        start_frame=scene.start_frame,
        end_frame=scene.end_frame,
        start=round(float(scene.start_frame / fps), 3),
        end=round(float(scene.end_frame / fps), 3),
        text="".join(one.gap + one.word.text for one in own).strip(),
        words=tuple(one.word for one in own),
        prompt=scene.prompt,
        look=scene.look,
        image=_file(f"images/{scene.id}.jpg", image),
        clip=_file(f"clips/{scene.id}.mp4", clip.blob),
        clip_lead=clip.lead,
    )


def _file(path: str, blob: Blob) -> File:
    return File(path=path, sha256=blob.sha256, size=blob.size)
