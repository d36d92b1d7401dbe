"""When words are heard in a voice that doesn't tell: measured on other voices whose times are known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
import pytest

from benchmarks import second_voice
from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import Permanent, Retryable
from libs.contracts.jobs import JobOptions
from libs.contracts.tasks import Task
from libs.contracts.tasks import Voice as VoiceOrder
from libs.runtime.workers import WorkerPool
from services.generator.voice.align import Aligner, Foreign, align
from services.generator.voice.by_pauses import by_pauses
from services.generator.voice.piper import Piper
from services.generator.voice.piper_voices import PiperVoices
from services.generator.voice.port import Heard, Line, Speech

TEXTS = (
    "When the morning came, nobody in the village could remember who had lit the fire.",
    "If you want to learn a language, begin with the words that people use every day, and speak them aloud.",
    "Light travels so fast that it circles the earth more than seven times in a single second.",
)
NEAR_S = 0.15
GOAL = 0.95

Sound = npt.NDArray[np.float32]
Times = list[tuple[float, float]]


class Told(NamedTuple):
    """A sentence by the guide, and by another rendering of which the truth is known."""

    guide: Speech
    other: Speech
    second: Speech
    """Another voice altogether; only the starts of its words are known, of some not even that."""
    starts: tuple[float | None, ...]


@pytest.fixture(scope="module")
def told() -> list[Told]:
    """Piper at its own pace and a tenth slower, which is another rendering, and the voice of espeak-ng."""
    return asyncio.run(_told())


async def _told() -> list[Told]:
    found: list[Told] = []
    async with WorkerPool(1) as pool:
        piper = Piper(pool, PiperVoices(None), timeout_s=60.0)
        for text, second in zip(TEXTS, second_voice.say(TEXTS), strict=True):
            guide = await piper.say(line(text), context())
            other = await piper.say(line(text, speed=0.9), context())
            begins = {round(place): at for place, at in second.words}
            starts = tuple(begins.get(place) for place in _places(text))
            found.append(Told(guide, other, Speech(sound=second.sound, rate=second_voice.RATE, words=None), starts))
    return found


def _places(text: str) -> list[int]:
    return [place for place in range(len(text)) if text[place] != " " and (not place or text[place - 1] == " ")]


def line(text: str, *, speed: float = 1.0, language: str = "en") -> Line:
    return Line(text=text, words=tuple(text.split()), voice="", speed=speed, language=language)


def context() -> TaskContext:
    body = VoiceOrder(script=Blob(sha256="0" * 64, size=1, media_type="application/json"), options=JobOptions())
    return TaskContext(Task(job_id="j1", run=1, task="voice", attempt=1, owner="ann", body=body))


def times(words: tuple[Heard, ...] | None) -> Times:
    assert words is not None
    return [(word.start, word.end) for word in words]


def share(found: list[Times], true: list[Times]) -> float:
    """Of the words, how many begin and end where they do."""
    near = [
        abs(one[0] - other[0]) <= NEAR_S and abs(one[1] - other[1]) <= NEAR_S
        for words, truth in zip(found, true, strict=True)
        for one, other in zip(words, truth, strict=True)
    ]
    return sum(near) / len(near)


def filtered(sound: Sound, rate: int, *filters: tuple[str, str]) -> Sound:
    """The sound through filters of ffmpeg."""
    graph: Any = av.filter.Graph()
    nodes = [graph.add_abuffer(sample_rate=rate, format="flt", layout="mono", time_base=None)]
    nodes += [graph.add(name, told) for name, told in filters]
    nodes += [graph.add("aformat", "sample_fmts=flt:channel_layouts=mono"), graph.add("abuffersink")]
    graph.link_nodes(*nodes).configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None, :]), format="flt", layout="mono")
    frame.sample_rate = rate
    graph.push(frame)
    graph.push(None)
    parts = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray()[0])
        except (av.error.EOFError, av.error.BlockingIOError):
            return np.concatenate(parts).astype(np.float32)


def at_pace(pace: float) -> Callable[[Speech], Speech]:
    """Faster and higher, as a tape."""

    def change(speech: Speech) -> Speech:
        at = np.arange(int(len(speech.sound) / pace)) * pace
        sound = np.interp(at, np.arange(len(speech.sound)), speech.sound).astype(np.float32)
        words = tuple(Heard(start=start / pace, end=end / pace) for start, end in times(speech.words))
        return Speech(sound=sound, rate=speech.rate, words=words)

    return change


def at_pitch(pitch: float) -> Callable[[Speech], Speech]:
    """Higher, at the same pace."""

    def change(speech: Speech) -> Speech:
        filters = (("asetrate", f"{round(speech.rate * pitch)}"), ("atempo", f"{1 / pitch}"))
        sound = filtered(speech.sound, speech.rate, *filters, ("aresample", "44100"))
        return Speech(sound=sound, rate=44_100, words=speech.words)

    return change


def wavering(speech: Speech) -> Speech:
    """Its pace swings between 0.8 and 1.25 within three seconds, and its pitch with it."""
    at = np.arange(len(speech.sound)) / speech.rate
    when = np.cumsum(np.exp(np.log(1.25) * np.sin(2 * np.pi * at / 3))) / speech.rate
    sound = np.interp(np.arange(int(when[-1] * speech.rate)) / speech.rate, when, speech.sound)
    words = [tuple(np.interp(bounds, at, when)) for bounds in times(speech.words)]
    heard = tuple(Heard(start=float(start), end=float(end)) for start, end in words)
    return Speech(sound=sound.astype(np.float32), rate=speech.rate, words=heard)


def noisy(speech: Speech, decibels: float = 15.0) -> Speech:
    """With white noise so far below it."""
    level = np.sqrt(np.mean(speech.sound**2)) * 10 ** (-decibels / 20)
    noise = np.random.default_rng(5).normal(0.0, level, len(speech.sound))
    return replace(speech, sound=(speech.sound + noise).astype(np.float32))


def by_telephone(speech: Speech) -> Speech:
    """At 8 kHz."""
    return replace(speech, sound=filtered(speech.sound, speech.rate, ("aresample", "8000")), rate=8000)


CHANGES: dict[str, Callable[[Speech], Speech]] = {
    "as it is": lambda speech: speech,
    "pace 0.8": at_pace(0.8),
    "pace 1.25": at_pace(1.25),
    "pitch 0.8": at_pitch(0.8),
    "pitch 1.25": at_pitch(1.25),
    "wavering": wavering,
    "wavering in noise": lambda speech: noisy(wavering(speech)),
    "telephone": by_telephone,
}


@pytest.mark.parametrize("change", CHANGES)
def test_words_are_found_in_another_rendering(told: list[Told], change: str) -> None:
    found, true = [], []
    for text, one in zip(TEXTS, told, strict=True):
        other = CHANGES[change](one.other)
        foreign = Foreign(line(text), "en", other.sound, other.rate, one.guide)
        found.append(times(align(foreign)))
        true.append(times(other.words))
    assert share(found, true) >= GOAL


@pytest.mark.parametrize("decibels", [None, 15.0])
def test_words_are_found_in_another_voice(told: list[Told], decibels: float | None) -> None:
    near: list[bool] = []
    for text, one in zip(TEXTS, told, strict=True):
        other = one.second if decibels is None else noisy(one.second, decibels)
        foreign = Foreign(line(text), "", other.sound, other.rate, one.guide)
        found = times(align(foreign))
        near += [
            abs(start - true) <= NEAR_S
            for (start, _), true in zip(found, one.starts, strict=True)
            if true is not None
        ]
    assert len(near) > 40
    assert sum(near) / len(near) >= GOAL


async def test_words_are_found_by_the_plain_voice_where_the_local_one_has_not_the_language(
    told: list[Told], workers: WorkerPool
) -> None:
    found: list[Times] = []
    for text, one in zip(TEXTS, told, strict=True):
        other = noisy(one.other)
        foreign = Foreign(line(text), "en", other.sound, other.rate, None)
        found.append(times((await workers.run(align, foreign, timeout_s=60.0)).value))
    assert share(found, [times(one.other.words) for one in told]) >= GOAL


def test_a_guide_that_says_something_else_is_not_followed(told: list[Told]) -> None:
    guide = replace(told[2].guide, words=(told[2].guide.words or ())[: len(TEXTS[0].split())])
    foreign = Foreign(line(TEXTS[0]), "", told[0].other.sound, told[0].other.rate, guide)
    assert len(guide.words or ()) == len(foreign.line.words)
    assert align(foreign) == by_pauses(foreign.sound, foreign.rate, foreign.line.words)


@pytest.mark.parametrize("part", [0.01, 6.0])
def test_speech_that_breaks_off_or_does_not_end_is_no_speech(told: list[Told], part: float) -> None:
    one = told[1]
    sound = np.resize(one.other.sound, int(part * len(one.other.sound)))
    with pytest.raises(Retryable) as caught:
        align(Foreign(line(TEXTS[1]), "en", sound, one.other.rate, one.guide))
    assert caught.value.code == "voice_failed"
    assert len(align(Foreign(line(TEXTS[1]), "", sound, one.other.rate, None))) == len(TEXTS[1].split())


def test_by_pauses_and_letters_most_words_are_near(told: list[Told]) -> None:
    found = [
        times(by_pauses(one.other.sound, one.other.rate, text.split()))
        for text, one in zip(TEXTS, told, strict=True)
    ]
    assert share(found, [times(one.other.words) for one in told]) >= 0.6


class Guide:
    """A voice that speaks English, or fails."""

    name = version = "guide"

    def __init__(self, speech: Speech, error: Exception | None = None) -> None:
        self.speech, self.error, self.asked = speech, error, list[Line]()

    def named(self, voice: str) -> str:
        return voice

    def language(self, voice: str) -> str:
        return "en"

    async def check(self) -> None:
        pass

    async def say(self, line: Line, context: TaskContext) -> Speech:
        self.asked.append(line)
        if self.error is not None:
            raise self.error
        return self.speech


async def test_whom_the_aligner_asks(told: list[Told], workers: WorkerPool) -> None:
    one, text = told[0], TEXTS[0]
    other = one.other
    by_guide = align(Foreign(line(text), "en", other.sound, other.rate, one.guide))
    guessed = by_pauses(other.sound, other.rate, text.split())
    foreign = Foreign(line(text), "en", other.sound, other.rate, None)
    plain = (await workers.run(align, foreign, timeout_s=60.0)).value
    for one_way, other_way in ((by_guide, guessed), (by_guide, plain), (guessed, plain)):
        assert np.abs(np.array(times(one_way)) - times(other_way)).max() > 0.04
    account = context()
    for language, guide, expected in (
        ("en", Guide(one.guide), by_guide),
        ("en-GB", Guide(one.guide), by_guide),
        ("", Guide(one.guide), by_guide),
        ("xx", Guide(one.guide), guessed),
        ("en", None, plain),
        ("", None, guessed),
        ("en", Guide(one.guide, Permanent("voice_cannot_say")), plain),
        ("", Guide(one.guide, Retryable("voice_failed")), guessed),
        ("en", Guide(replace(one.guide, sound=one.guide.sound[:0])), plain),
    ):
        asked = replace(line(text, language=language), voice="nova", speed=1.1)
        found = times(await Aligner(workers, guide)(asked, other, account))
        assert np.abs(np.array(found) - times(expected)).max() <= 0.02, "espeak-ng differs by samples, call by call"
        if guide is not None:
            assert [(told.voice, told.speed) for told in guide.asked] == ([] if language == "xx" else [("", 1.1)])
    assert account.cpu_seconds > 0
    with pytest.raises(Retryable) as caught:
        await Aligner(workers, Guide(one.guide, Retryable("no_space")))(line(text), one.other, account)
    assert caught.value.code == "no_space"
