"""Compose tasks of narrated videos: one plain scene a sentence, a voice of tones, and music if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np

from libs.artifacts.store import ArtifactStore
from libs.contracts.artifacts import Blob
from libs.contracts.jobs import JobOptions
from libs.contracts.scripts import Narration
from libs.contracts.storyboard import Clip, Storyboard, Transition
from libs.contracts.tasks import Compose, Conform, Mix, Narrated, Task
from libs.media.encoding import USUAL, Encoding
from libs.media.writer import FrameWriter
from tests.narrations import analysis_of, narration, write_voice
from tests.storyboards import scene

OVERLAP = 8


def board_of(told: Narration, size: tuple[int, int], overlap: int = OVERLAP) -> Storyboard:
    """A scene a sentence, cut 0.2 s before the next is spoken; a crossfade where a paragraph begins."""
    fps, sentences = Fraction(told.fps), told.sentences
    cuts = [0, *(one.start_frame - round(fps / 5) for one in sentences[1:]), told.frames]
    scenes = []
    for number, sentence in enumerate(sentences):
        fades = number and sentence.paragraph != sentences[number - 1].paragraph
        made = scene(number + 1, cuts[number], cuts[number + 1])
        way = Transition(kind="crossfade", frames=overlap) if fades and overlap else Transition()
        scenes.append(msgspec.structs.replace(made, transition=way, prompt=f"picture {number}"))
    width, height = size
    return Storyboard(fps=told.fps, frames=told.frames, width=width, height=height, seed=1, scenes=tuple(scenes))


async def clip_of(store: ArtifactStore, folder: Path, board: Storyboard, number: int) -> Clip:
    """The clip of a scene: a dark ground that moves a little and is the scene's own. The same length gives the same
    clip, wherever it lies."""
    scenes = board.scenes
    lead = scenes[number].transition.overlap // 2 if number else 0
    tail = scenes[number + 1].transition.overlap // 2 if number + 1 < len(scenes) else 0
    body = scenes[number].end_frame - scenes[number].start_frame
    frames = lead + body + tail
    path = folder / f"clip{number}-{lead}-{body}-{tail}.mp4"
    if not path.exists():
        _draw(path, board, number, frames, {2 * lead, frames - 2 * tail} - {0, frames})
    blob = await store.put_file(path, "video/mp4")
    return Clip(scene_id=scenes[number].id, lead=lead, frames=frames, blob=blob)


def _draw(path: Path, board: Storyboard, number: int, frames: int, keys: set[int]) -> None:
    ground = np.add.outer(np.arange(board.height), np.arange(board.width))
    with FrameWriter(path, Encoding(board.width, board.height, Fraction(board.fps), USUAL), keys=keys) as writer:
        for frame in range(frames):
            level = np.abs((ground + 3 * frame) % 256 - 128) // 4 + 24
            shades = [level * part // 4 for part in (4 + number % 3, 3, 2 + number % 2)]
            writer.write(np.stack(shades, 2).astype(np.uint8))


async def order_narrated(
    store: ArtifactStore,
    folder: Path,
    told: Narration | None = None,
    *,
    bed: Path | None = None,
    size: tuple[int, int] = (160, 96),
    options: JobOptions | None = None,
) -> Task:
    """A task whose inputs are all in the store."""
    told = told or narration()
    board = board_of(told, size)
    clips: Sequence[Clip] = [await clip_of(store, folder, board, number) for number in range(len(board.scenes))]
    voice = await store.put_file(write_voice(folder / "voice.wav", told), "audio/wav")
    body = Compose(
        song=voice,
        analysis=await _document(store, analysis_of(told)),
        storyboard=await _document(store, board),
        clips=tuple(clips),
        options=options or JobOptions(),
        narrated=Narrated(
            narration=await _document(store, told),
            voiceover=await store.put_bytes(b"the voice as MP3", "audio/mpeg"),
            bed=None if bed is None else await store.put_file(bed, "audio/mpeg"),
        ),
    )
    return Task(job_id="j1", run=1, task="compose", attempt=1, owner="me", body=body)


async def _document(store: ArtifactStore, value: msgspec.Struct) -> Blob:
    return await store.put_bytes(msgspec.json.encode(value), "application/json")


def ahead_of(task: Task) -> list[Task]:
    """The orders that go ahead of a composition: its soundtrack and all of its scenes."""
    body = task.body
    assert isinstance(body, Compose)
    mix = Mix(song=body.song, options=body.options, narrated=body.narrated)
    found = [msgspec.structs.replace(task, task="mix", body=mix)]
    for number, clip in enumerate(body.clips):
        scene_order = Conform(
            scene_id=clip.scene_id,
            analysis=body.analysis,
            storyboard=body.storyboard,
            clips=body.clips[max(number - 1, 0) : number + 1],
            options=body.options,
            narrated=body.narrated,
        )
        found.append(msgspec.structs.replace(task, task=f"conform.{clip.scene_id}", body=scene_order))
    return found
