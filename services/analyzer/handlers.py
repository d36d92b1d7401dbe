"""What the analyzer does on each task: `analyze` becomes an analysis in the store."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from libs.artifacts.results import Made, find_or_make
from libs.artifacts.store import ArtifactStore
from libs.bus.handler import Handler, TaskContext
from libs.contracts.analysis import Analysis
from libs.contracts.artifacts import result_key
from libs.contracts.errors import InputMissing
from libs.contracts.facts import TrackAnalyzed, Usage, WorkFact
from libs.contracts.tasks import Analyze, Task, TaskKind
from libs.runtime.scratch import Scratch
from libs.runtime.worker import report
from libs.runtime.workers import WorkerPool
from services.analyzer.settings import AnalyzerSettings
from services.analyzer.version import VERSION

JSON_TYPE = "application/json"

log = logging.getLogger(__name__)


def make_handlers(
    store: ArtifactStore, pool: WorkerPool, settings: AnalyzerSettings, scratch: Scratch
) -> Mapping[TaskKind, Handler]:
    """The handlers by task kind."""

    async def hear(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Analyze)

        async def make() -> Made:
            return await make_analysis(order, store, pool, scratch, context, timeout_s=settings.song_timeout_s)

        found = await find_or_make(store, analysis_key(task.owner, order), make)
        if found.reused:
            context.mark_reused()
        return list(found.facts)

    return {"analyze": hear}


def analysis_key(owner: str, order: Analyze) -> str:
    """The key of the record of a song's analysis: song, lyrics and the code's version determine it."""
    lyrics = order.lyrics.sha256 if order.lyrics is not None else None
    return result_key("analyze", VERSION, owner, {"song": order.song.sha256, "lyrics": lyrics})


async def make_analysis(
    order: Analyze,
    store: ArtifactStore,
    pool: WorkerPool,
    scratch: Scratch,
    context: TaskContext,
    *,
    timeout_s: float,
) -> Made:
    """Hear the song in a child and put the analysis into the store."""
    words = None
    if order.lyrics is not None:
        words = await store.get_bytes(order.lyrics.key)
        if words is None:
            raise InputMissing(order.lyrics.sha256)
    async with store.local(order.song) as song, scratch.folder() as folder:
        work = await pool.run(
            analysis_json, str(song), words, str(folder), timeout_s=timeout_s, on_progress=context.progress
        )
    context.spend(work.cpu_seconds)
    analysis = msgspec.json.decode(work.value, type=Analysis)
    blob = await store.put_bytes(work.value, JSON_TYPE)
    log.info("heard %.1f s: %.1f bpm, %d sections", analysis.duration, analysis.tempo.bpm, len(analysis.sections))
    fact = TrackAnalyzed(
        analysis=blob,
        duration=analysis.duration,
        bpm=analysis.tempo.bpm,
        sections=len(analysis.sections),
        notices=analysis.notices,
    )
    return Made(facts=[fact], usage=Usage(cpu_seconds=work.cpu_seconds))


def analysis_json(song: str, words: bytes | None, folder: str) -> bytes:
    """The analysis of a file as JSON: for a child, which alone needs scipy and so imports it."""
    from services.analyzer.analyze import analyze  # noqa: PLC0415

    return msgspec.json.encode(analyze(Path(song), words, report, Path(folder)))
