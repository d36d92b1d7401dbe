"""Compose tasks made whole: clips, song, storyboard and analysis in a store."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import msgspec

from libs.artifacts.store import ArtifactStore
from libs.contracts.analysis import Analysis, Beat, Key, Tempo, Word
from libs.contracts.jobs import JobOptions
from libs.contracts.tasks import Compose, Conform, Mix, StageUsage, Task
from libs.media.encoding import Quality
from tests.integration.composer.pictures import FOREIGN, borders, needed, storyboard, write_clip


def analysis_of(duration: float, words: Sequence[Word] = ()) -> Analysis:
    """An analysis with a beat every half second."""
    beats = tuple(Beat(time=n / 2, strength=1.0, downbeat=n % 4 == 0) for n in range(int(duration * 2)))
    return Analysis(
        duration=duration,
        tempo=Tempo(bpm=120, confidence=1, stable=True),
        meter=4,
        beats=beats,
        onsets=(),
        energy=(),
        key=Key(tonic="C", mode="major", confidence=1),
        sections=(),
        words=tuple(words),
    )


async def order(
    store: ArtifactStore,
    folder: Path,
    song: Path,
    *,
    lengths: Sequence[int] = (45, 60, 45),
    overlaps: Sequence[int] = (0, 0, 8),
    fps: Fraction = Fraction(30),
    options: JobOptions | None = None,
    words: Sequence[Word] = (),
    quality: Quality = FOREIGN,
) -> Task:
    """A task whose inputs are all in the store. Without words the clips are all that is seen.

    quality: of the clips, which can be parted at the ends of their transitions.
    """
    board = storyboard(lengths, overlaps, fps)
    clips = []
    for number, one in enumerate(board.scenes):
        path = folder / f"clip-{one.id}.mp4"
        clip = write_clip(path, board, number, quality=quality, keys=borders(board, number))
        clips.append(msgspec.structs.replace(clip, blob=await store.put_file(path, "video/mp4")))
        assert clip.frames == needed(board, number)[1] - needed(board, number)[0]
    analysis = msgspec.json.encode(analysis_of(float(board.frames / fps), words))
    body = Compose(
        song=await store.put_file(song, "audio/mpeg"),
        analysis=await store.put_bytes(analysis, "application/json"),
        storyboard=await store.put_bytes(msgspec.json.encode(board), "application/json"),
        clips=tuple(clips),
        options=options or JobOptions(),
        usage=(StageUsage(stage="analyzing", wall_seconds=1, cpu_seconds=2),),
    )
    return Task(job_id="j1", run=1, task="compose", attempt=1, owner="me", body=body)


def mix(task: Task) -> Task:
    """The order of the soundtrack of a composition."""
    body = task.body
    assert isinstance(body, Compose)
    return msgspec.structs.replace(task, task="mix", body=Mix(song=body.song, options=body.options))


def conform(task: Task, number: int, *, fades: bool) -> Task:
    """The order of the segments of a composition's scene, counted from 0. fades: it begins with a crossfade."""
    body = task.body
    assert isinstance(body, Compose)
    clips = body.clips[number - fades : number + 1]
    scene = Conform(
        scene_id=clips[-1].scene_id,
        analysis=body.analysis,
        storyboard=body.storyboard,
        clips=clips,
        options=body.options,
    )
    return msgspec.structs.replace(task, task=f"conform.{scene.scene_id}", body=scene)
