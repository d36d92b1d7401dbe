"""Speech by a server: what it is asked, what becomes of its sound, and what each of its faults is told as."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks import second_voice
from libs.artifacts import open_store
from libs.bus.handler import Bill, TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import BeatloomError, BudgetExceeded, Permanent, Retryable
from libs.contracts.jobs import JobOptions
from libs.contracts.tasks import Task
from libs.contracts.tasks import Voice as VoiceOrder
from libs.money.prices import prices_of
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.costs import Costs
from services.generator.voice import openai
from services.generator.voice.align import Aligner
from services.generator.voice.narrate import Narrator
from services.generator.voice.openai import SpeechServer
from services.generator.voice.piper import Piper
from services.generator.voice.piper_voices import PiperVoices
from services.generator.voice.piper_words import located
from services.generator.voice.port import Line
from services.generator.voice.sound_sent import RATE
from services.generator.voice.speaking import Speaker
from services.generator.voice.speech_server import SOUND
from tests.fakes import speech_server as server
from tests.fakes.speech_server import SpeechDouble, status
from tests.integration.generator.booth import Booth
from tests.ports import free_port

KEY = "sk-live-0123456789abcdef"


@pytest.fixture
def double() -> Iterator[SpeechDouble]:
    with server.speech_server() as found:
        yield found


@pytest.fixture
async def scratch(tmp_path: Path) -> AsyncIterator[Scratch]:
    async with Scratch(tmp_path / "scratch") as found:
        yield found


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "FIRST_WAIT_S", 0.01)


COSTS = Costs(prices_of("", characters=1e6))
"""A character costs 1."""


def line(text: str = "The rain has stopped.", *, voice: str = "", speed: float = 1.0) -> Line:
    return Line(text=text, words=tuple(text.split()), voice=voice, speed=speed, language="en")


def context(ceiling: float | None = None) -> TaskContext:
    script = Blob(sha256="0" * 64, size=1, media_type="application/json")
    body = VoiceOrder(script=script, options=JobOptions(), ceiling=ceiling)
    return TaskContext(Task(job_id="j1", run=1, task="voice", attempt=1, owner="ann", body=body))


async def test_it_is_asked_and_its_sound_is_trimmed(
    double: SpeechDouble, workers: WorkerPool, scratch: Scratch, tmp_path: Path
) -> None:
    voice = SpeechServer(double.url + "/", "tts-1", "alloy", workers, scratch, key=KEY)
    told = context()
    speech = await voice.say(line(speed=1.25), told)
    assert double.orders == [
        {
            "model": "tts-1",
            "voice": "alloy",
            "input": "The rain has stopped.",
            "response_format": "wav",
            "speed": 1.25,
        }
    ]
    assert (double.keys, double.paths) == ([f"Bearer {KEY}"], ["/v1/audio/speech"])
    assert (speech.rate, speech.words) == (RATE, None)
    assert speech.sound.dtype == np.float32
    assert len(speech.sound) / RATE == pytest.approx(21 * server.LETTER_S, abs=0.05), "the silence is cut off"
    assert told.cpu_seconds > 0
    assert not [path for path in (tmp_path / "scratch").rglob("*") if path.name == "speech"]


async def test_each_character_that_was_spoken_is_paid_and_a_refusal_is_not(
    double: SpeechDouble, workers: WorkerPool, scratch: Scratch
) -> None:
    voice = SpeechServer(double.url, "m", "v", workers, scratch, costs=COSTS)
    told, text = context(), "The rain has stopped."
    double.faults = [status(503, "later"), status(429, "later")]
    speech = await voice.say(line(), told)
    assert told.billed == speech.bill == Bill(characters=len(text), cost=1_000_000 * len(text))
    double.faults = [status(400, "no")]
    with pytest.raises(Permanent):
        await voice.say(line("Anew."), told)
    assert told.billed == speech.bill


async def test_sentences_side_by_side_never_cost_more_than_the_ceiling(
    double: SpeechDouble, workers: WorkerPool, scratch: Scratch
) -> None:
    voice = SpeechServer(double.url, "m", "v", workers, scratch, costs=COSTS)
    told = context(ceiling=12.5)
    said = [voice.say(line(f"Anew {number}."), told) for number in range(4)]  # seven letters each
    found = await asyncio.gather(*said, return_exceptions=True)
    assert [type(one).__name__ for one in found].count("BudgetExceeded") == 3
    assert len(double.orders) == 1
    assert told.billed == Bill(characters=7, cost=7_000_000)
    (error, *_) = [one for one in found if isinstance(one, BudgetExceeded)]
    assert error.message == "It has cost 7; to go on would take it beyond 12.5."


async def test_any_kind_of_file(double: SpeechDouble, workers: WorkerPool, scratch: Scratch) -> None:
    double.channels = 2
    for sound in SOUND:
        speech = await SpeechServer(double.url, "m", "v", workers, scratch, sound=sound).say(line(), context())
        assert (double.orders[-1]["response_format"], double.keys[-1]) == (sound, "")
        assert len(speech.sound) / RATE == pytest.approx(21 * server.LETTER_S, abs=0.1), sound
        assert 0.2 < np.abs(speech.sound).max() <= 1.0


ERROR = f'{{"error": {{"message": "no such model; you sent {KEY[3:]}", "code": 1}}}}'
FAULTS = [
    (status(401, ERROR), Permanent, "voice_unavailable", "refuses our key (401)"),
    (status(403, "go away"), Permanent, "voice_unavailable", "refuses our key (403)"),
    (status(302, "", location="http://example.com/login"), Permanent, "voice_unavailable", "elsewhere"),
    (status(404, '{"detail": "Not Found"}'), Permanent, "voice_unavailable", "404: Not Found"),
    (status(400, ERROR), Permanent, "voice_failed", "400: no such model; you sent ***"),
    (status(422, "[" * 9999), Permanent, "voice_failed", "422"),
    (status(200, "<html>Sign in</html>", content_type="text/html"), Retryable, "voice_failed", "web page"),
    (status(200, ERROR), Retryable, "voice_failed", "application/json: no such model; you sent ***"),
    (status(200, b"<!doctype html>", content_type="audio/wav"), Retryable, "voice_failed", "no sound"),
    (status(200, b"", content_type="audio/wav"), Retryable, "voice_failed", "empty"),
    (status(200, b"RIFF\0\0\0\0WAVEfmt ", content_type="audio/wav"), Retryable, "voice_failed", "sound"),
    (status(200, b"x", content_type="audio/wav", content_encoding="gzip"), Retryable, "voice_failed", "compressed"),
    (server.cut, Retryable, "voice_failed", "breaks off after 0."),
]


@pytest.mark.parametrize(("fault", "kind", "code", "told"), FAULTS)
async def test_a_fault_is_told_at_once_and_without_the_key(
    double: SpeechDouble,
    workers: WorkerPool,
    scratch: Scratch,
    caplog: pytest.LogCaptureFixture,
    fault: server.Fault,
    kind: type[BeatloomError],
    code: str,
    told: str,
) -> None:
    double.faults = [fault]
    voice = SpeechServer(double.url, "tts-1", "alloy", workers, scratch, key=KEY)
    with pytest.raises(kind) as caught:
        await voice.say(line(), context())
    error = caught.value
    assert error.code == code
    assert told in error.message
    assert len(error.message) < 300
    assert len(double.orders) == 1, "it is the ledger's to try again"
    for text in (error.message, error.hint, repr(error.__cause__), repr(voice), caplog.text):
        assert KEY[3:] not in text
        assert KEY[3:13] not in text


async def test_what_passes_is_waited_for(double: SpeechDouble, workers: WorkerPool, scratch: Scratch) -> None:
    passing = [status(500, "oops"), status(503), status(429, retry_after="0"), server.half, server.hang_up]
    voice = SpeechServer(double.url, "tts-1", "alloy", workers, scratch, key=KEY)
    for fault in passing:
        double.faults, double.orders = [fault] * (openai.TRIES - 1), []
        assert len((await voice.say(line(), context())).sound) > 0
        assert len(double.orders) == openai.TRIES
        double.faults, double.orders = [fault] * openai.TRIES, []
        with pytest.raises(Retryable) as caught:
            await voice.say(line(), context())
        assert caught.value.code == "voice_unavailable"
        assert len(double.orders) == openai.TRIES


async def test_who_asks_for_a_long_wait_gets_it(
    double: SpeechDouble, workers: WorkerPool, scratch: Scratch
) -> None:
    double.faults = [status(429, '{"error": "slow down"}', retry_after="120")]
    with pytest.raises(Retryable) as caught:
        await SpeechServer(double.url, "m", "v", workers, scratch).say(line(), context())
    assert (caught.value.code, caught.value.after) == ("voice_unavailable", 120.0)
    assert "429: slow down" in caught.value.message
    assert len(double.orders) == 1


@pytest.mark.parametrize("fault", [server.never, server.drip])
async def test_a_server_that_takes_too_long(
    double: SpeechDouble, workers: WorkerPool, scratch: Scratch, fault: server.Fault
) -> None:
    double.faults = [fault]
    began = time.monotonic()
    with pytest.raises(Retryable) as caught:
        await SpeechServer(double.url, "m", "v", workers, scratch, timeout_s=0.4).say(line(), context())
    assert (caught.value.code, len(double.orders)) == ("timeout", 1)
    assert time.monotonic() - began < 5.0
    assert await asyncio.to_thread(double.hung_up.wait, 5.0), "the connection was closed"


async def test_a_body_without_an_end(
    double: SpeechDouble, workers: WorkerPool, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "LARGEST", 3_000_000)
    double.faults = [server.endless]
    with pytest.raises(Retryable) as caught:
        await SpeechServer(double.url, "m", "v", workers, scratch).say(line(), context())
    assert caught.value.code == "voice_failed"
    assert "more than 3 MB" in caught.value.message
    assert await asyncio.to_thread(double.hung_up.wait, 5.0)


@pytest.mark.parametrize("seconds", [0.0, 1.0])
async def test_silence_is_no_speech(
    double: SpeechDouble, workers: WorkerPool, scratch: Scratch, seconds: float
) -> None:
    double.says[line().text] = server.tone(seconds, level=0.0), server.RATE
    with pytest.raises(Retryable) as caught:
        await SpeechServer(double.url, "m", "v", workers, scratch).say(line(), context())
    assert (caught.value.code, "silence" in caught.value.message) == ("voice_failed", True)


async def test_nobody_is_there(workers: WorkerPool, scratch: Scratch) -> None:
    voice = SpeechServer(f"http://127.0.0.1:{free_port()}/v1", "m", "v", workers, scratch)
    with pytest.raises(Retryable) as caught:
        await voice.say(line(), context())
    assert caught.value.code == "voice_unavailable"
    assert "can't be reached" in caught.value.message
    with pytest.raises(Retryable) as caught:
        await voice.check()
    assert caught.value.code == "voice_unavailable"


async def test_cancelling_hangs_up(double: SpeechDouble, workers: WorkerPool, scratch: Scratch) -> None:
    double.faults = [server.never]
    asking = asyncio.create_task(SpeechServer(double.url, "m", "v", workers, scratch).say(line(), context()))
    assert await asyncio.to_thread(double.asked.wait, 5.0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await asyncio.to_thread(double.hung_up.wait, 5.0)


async def test_what_has_no_word_is_not_asked_for(
    double: SpeechDouble, workers: WorkerPool, scratch: Scratch
) -> None:
    speech = await SpeechServer(double.url, "m", "v", workers, scratch).say(line("☀ … !"), context())
    assert (len(speech.sound), double.orders) == (0, [])


async def test_a_script_is_told_with_times_and_goes_on_where_it_stopped(
    double: SpeechDouble, workers: WorkerPool, scratch: Scratch, tmp_path: Path
) -> None:
    texts = ("The lamp went out in the old house.", "Nobody moved, and the sea was loud below the window.")
    said = second_voice.say(texts)
    for text, one in zip(texts, said, strict=True):
        double.says[text] = one.sound, second_voice.RATE
    store = open_store(f"file://{tmp_path}/artifacts")
    voice = SpeechServer(double.url, "tts-1", "nova", workers, scratch, key=KEY)
    guide = Piper(workers, PiperVoices(None), timeout_s=60.0)
    speaker = Speaker(store, voice, at_once=1, align=Aligner(workers, guide))
    booth = Booth(store, scratch, workers)
    narrator = Narrator(store, scratch, workers, speaker, timeout_s=60.0)
    double.faults = [server.well, status(401)]
    with pytest.raises(Permanent) as caught:
        await booth.by(narrator, " ".join(texts), language="en")
    assert caught.value.code == "voice_unavailable"
    fact = await booth.by(narrator, " ".join(texts), language="en")
    assert (fact.backend, fact.voice, fact.sentences, fact.made) == ("openai", "nova", 2, 1)
    await booth.by(narrator, " ".join(texts), language="en")
    asked = [order["input"] for order in double.orders]
    assert (len(asked), set(asked)) == (3, set(texts)), "what was said before the fault is not said again"
    assert asked[1] == asked[2]
    narration = await booth.narration(fact)
    near: list[bool] = []
    for sentence, one in zip(narration.sentences, said, strict=True):
        begins = {round(place): at for place, at in one.words}
        places = located(sentence.text, [word.text for word in sentence.words]) or []
        told = [(word.start, begins[at]) for word, at in zip(sentence.words, places, strict=True) if at in begins]
        near += [abs(start - true) <= 0.15 for start, true in told]
    assert len(near) > 15
    assert all(near)


async def test_a_voice_has_to_be_named(double: SpeechDouble, workers: WorkerPool, scratch: Scratch) -> None:
    assert SpeechServer(double.url, "m", "alloy", workers, scratch).named("") == "alloy"
    voice = SpeechServer(double.url, "m", "", workers, scratch)
    assert voice.named("nova") == "nova"
    with pytest.raises(Permanent) as caught:
        voice.named("")
    assert caught.value.code == "voice_unknown"
    for key in ("a b", "a\r\nb: c", "ключ"):
        with pytest.raises(Permanent) as caught:
            SpeechServer(double.url, "m", "v", workers, scratch, key=key)
        assert caught.value.code == "bad_setting"
        assert key not in caught.value.message
    versions = {
        SpeechServer(url, model, "v", workers, scratch, sound=sound).version
        for url in (double.url, "http://other/v1")
        for model in ("m", "n")
        for sound in ("wav", "mp3")
    }
    assert len(versions) == 8


async def test_readiness_is_asked_for_now_and_then(
    double: SpeechDouble, workers: WorkerPool, scratch: Scratch
) -> None:
    voice = SpeechServer(double.url, "m", "v", workers, scratch, key=KEY)
    await voice.check()
    await voice.check()
    assert double.looks == 1
    double.models_status = 404
    await SpeechServer(double.url, "m", "v", workers, scratch).check()
    for refusal in (401, 500):
        double.models_status = refusal
        with pytest.raises(Retryable) as caught:
            await SpeechServer(double.url, "m", "v", workers, scratch, key=KEY).check()
        assert caught.value.code == "voice_unavailable"
