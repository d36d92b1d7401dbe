"""The handler of `analyze` with a real store and real worker children; files as people send them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from libs.artifacts import ArtifactStore, open_store
from libs.bus.handler import Handler, TaskContext
from libs.contracts.analysis import Analysis
from libs.contracts.artifacts import Blob
from libs.contracts.errors import InputMissing, Permanent, Retryable
from libs.contracts.facts import TrackAnalyzed
from libs.contracts.messages import Progress
from libs.contracts.tasks import Analyze, Task
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.analyzer.analyze import analyze
from services.analyzer.handlers import make_handlers
from services.analyzer.settings import AnalyzerSettings
from tests.integration.analyzer.tunes import tune, write_wav
from tests.unit.analyzer.synth import noise, silence


class Bench:
    """An analyzer without a bus."""

    def __init__(self, root: Path, pool: WorkerPool, scratch: Scratch, timeout_s: float = 60.0) -> None:
        self.root = root
        self.store: ArtifactStore = open_store(f"file://{root}/artifacts")
        settings = AnalyzerSettings(song_timeout_s=timeout_s)
        self.hear: Handler = make_handlers(self.store, pool, settings, scratch)["analyze"]

    async def task(self, *, lyrics: bytes | None = None, owner: str = "ann") -> Task:
        song = await self.store.put_file(write_wav(self.root / "song.wav", tune()), "audio/wav")
        words = await self.store.put_bytes(lyrics, "text/plain") if lyrics is not None else None
        return task_of(Analyze(song=song, lyrics=words), owner)

    async def fact(self, task: Task, context: TaskContext | None = None) -> TrackAnalyzed:
        (fact,) = await self.hear(task, context or TaskContext(task))
        assert isinstance(fact, TrackAnalyzed)
        return fact

    async def analysis(self, fact: TrackAnalyzed) -> Analysis:
        data = await self.store.get_bytes(fact.analysis.key)
        assert data is not None
        return msgspec.json.decode(data, type=Analysis)

    async def records(self) -> list[str]:
        return [stored.key async for stored in self.store.list("result/")]


def task_of(body: Analyze, owner: str = "ann") -> Task:
    return Task(job_id="j1", run=1, task="analyze", attempt=1, owner=owner, body=body)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with WorkerPool(1) as pool, Scratch(tmp_path / "scratch") as scratch:
        yield Bench(tmp_path, pool, scratch)


async def test_a_song_becomes_an_analysis(bench: Bench) -> None:
    task = await bench.task()
    told: list[Progress] = []
    context = TaskContext(task, told.append)
    fact = await bench.fact(task, context)
    analysis = await bench.analysis(fact)
    assert fact.duration == pytest.approx(8.0, abs=0.01)
    assert fact.bpm == pytest.approx(120.0, rel=0.01)
    assert fact.sections == len(analysis.sections)
    assert len(analysis.beats) >= 12
    assert context.cpu_seconds > 0.0
    assert not context.reused
    assert told
    assert all(0.0 <= progress.fraction <= 1.0 for progress in told)


async def test_the_same_song_is_heard_once_for_a_user(bench: Bench) -> None:
    task = await bench.task()
    first = await bench.fact(task)
    context = TaskContext(task)
    assert await bench.fact(task, context) == first
    assert context.reused
    assert context.cpu_seconds == 0.0
    other = TaskContext(task)
    await bench.fact(await bench.task(owner="bob"), other)
    assert not other.reused
    assert len(await bench.records()) == 2


async def test_two_deliveries_at_once_agree(bench: Bench) -> None:
    task = await bench.task()
    one, other = await asyncio.gather(bench.fact(task), bench.fact(task))
    assert one == other
    assert len(await bench.records()) == 1


async def test_lyrics_belong_to_the_result(bench: Bench) -> None:
    plain = await bench.fact(await bench.task(lyrics=b"some words here\n"))
    assert [notice.code for notice in plain.notices] == ["lyrics_untimed"]
    timed = await bench.fact(await bench.task(lyrics=b"[00:02.00]some words here\n"))
    assert timed.notices == ()
    assert (await bench.analysis(timed)).words[0].start == 2.0
    assert (await bench.analysis(await bench.fact(await bench.task()))).words == ()


async def test_an_input_that_is_gone_is_named(bench: Bench) -> None:
    gone = Blob(sha256="a" * 64, size=1, media_type="audio/wav")
    with pytest.raises(InputMissing) as caught:
        await bench.fact(task_of(Analyze(song=gone)))
    assert caught.value.sha256 == gone.sha256
    task = await bench.task()
    assert isinstance(task.body, Analyze)
    with pytest.raises(InputMissing):
        await bench.fact(task_of(Analyze(song=task.body.song, lyrics=gone)))
    assert await bench.records() == []


async def test_what_is_no_song_or_no_lyrics_is_refused_for_good(bench: Bench) -> None:
    page = await bench.store.put_bytes(b"<html>not a song</html>" * 50, "audio/wav")
    with pytest.raises(Permanent) as caught:
        await bench.fact(task_of(Analyze(song=page)))
    assert caught.value.code == "not_media"
    with pytest.raises(Permanent) as caught:
        await bench.fact(await bench.task(lyrics=b"\xff\xfe\xfd\xfc\xfb"))
    assert caught.value.code == "bad_lyrics"
    assert await bench.records() == []


async def test_a_limit_of_time_ends_the_work_and_leaves_nothing(tmp_path: Path) -> None:
    async with WorkerPool(1) as pool, Scratch(tmp_path / "scratch") as scratch:
        bench = Bench(tmp_path, pool, scratch, timeout_s=0.01)
        with pytest.raises(Retryable) as caught:
            await bench.fact(await bench.task())
        assert caught.value.code == "timeout"
        assert await bench.records() == []


async def test_a_cancelled_task_leaves_no_record_and_can_be_repeated(bench: Bench) -> None:
    task = await bench.task()
    work = asyncio.create_task(bench.fact(task))
    await asyncio.sleep(0.1)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await bench.records() == []
    assert (await bench.fact(task)).sections >= 1


async def test_an_analysis_that_was_swept_is_made_again(bench: Bench) -> None:
    task = await bench.task()
    first = await bench.fact(task)
    await bench.store.delete(first.analysis.key)
    context = TaskContext(task)
    assert (await bench.fact(task, context)).analysis == first.analysis
    assert not context.reused
    assert await bench.store.has(first.analysis.key)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (11025, 2), (48000, 6)])
def test_any_rate_and_number_of_channels(tmp_path: Path, rate: int, channels: int) -> None:
    samples = tune()
    taken = np.interp(np.arange(8 * rate) / rate, np.arange(len(samples)) / 24000, samples).astype(np.float32)
    found = analyze(write_wav(tmp_path / "song.wav", taken, rate, channels))
    assert found.duration == pytest.approx(8.0, abs=0.02)
    assert found.tempo.bpm == pytest.approx(120.0, rel=0.01)


def test_silence_and_noise_have_notices_and_no_beats(tmp_path: Path) -> None:
    for samples, code in ((silence(6.0), "silent_song"), (noise(6.0), "no_beats")):
        found = analyze(write_wav(tmp_path / "song.wav", samples))
        assert [notice.code for notice in found.notices] == [code]
        assert found.beats == ()
        assert found.tempo.bpm == 0.0
        assert found.sections[-1].end == found.duration


def test_a_file_that_breaks_off_is_heard_as_far_as_it_goes(tmp_path: Path, testdata: Path) -> None:
    whole = (testdata / "audio" / "d01_pop_rock.mp3").read_bytes()
    broken = tmp_path / "song.mp3"
    broken.write_bytes(whole[: len(whole) // 4])
    found = analyze(broken)
    assert 12.0 < found.duration < 20.0
    assert found.tempo.bpm == pytest.approx(128.0, rel=0.01)
