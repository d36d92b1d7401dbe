"""The task `voice`: a script becomes sound, documents and records; each sentence is spoken once."""

from __future__ import annotations

import asyncio
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest
import pytest_asyncio

from libs.artifacts import open_store
from libs.contracts.analysis import Analysis
from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.generator.voice.port import Line, Speech
from services.generator.voice.slots import RATE, sample_at
from tests.fakes.tone_voice import ToneVoice
from tests.integration.generator.booth import Booth, likeness, loudness, resampled, slot_bounds

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORY = """The lamp went out. Nobody moved, and the sea was loud below the house.

"Who is there?" she asked. No answer came."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def children() -> AsyncIterator[WorkerPool]:
    """One child for all tests: it takes longer to start than to join a narration."""
    async with WorkerPool(1) as pool:
        yield pool


@pytest_asyncio.fixture(loop_scope="module")
async def booth(tmp_path: Path, children: WorkerPool) -> AsyncIterator[Booth]:
    async with Scratch(tmp_path / "scratch") as scratch:
        yield Booth(open_store(f"file://{tmp_path}/artifacts"), scratch, children)
        assert [left.name for left in (tmp_path / "scratch").rglob("*.flac")] == []


@pytest.mark.parametrize(("rate", "fps"), [(22_050, "30"), (48_000, "29.97"), (24_000, "24"), (16_000, "60")])
async def test_the_sound_is_what_the_engine_made_in_slots(booth: Booth, rate: int, fps: str) -> None:
    voice = ToneVoice(rate=rate)
    fact = await booth.narrate(voice, STORY, fps=fps)
    narration, sound = await booth.narration(fact), await booth.sound(fact.sound)
    assert {one.text for one in narration.sentences} == set(voice.asked)
    assert set(voice.asked.values()) == {1}
    assert (fact.sentences, fact.made, fact.voice, fact.backend) == (4, 4, "alto", "tones")
    assert len(sound) == sample_at(narration.frames, Fraction(narration.fps))
    assert fact.duration == pytest.approx(len(sound) / RATE, abs=1e-4)
    at = 0
    for one, (start, done, end) in zip(narration.sentences, slot_bounds(narration), strict=True):
        made = voice.speech(line_of(one.text))
        assert (one.samples, one.rate, start) == (len(made.sound), rate, at)
        assert likeness(sound[start:end], resampled(made.sound, rate)) > 0.9995
        assert np.all(sound[done + 1 : end] == 0)
        assert abs(sound[start]) < 0.001
        assert abs(sound[done - 1]) < 0.001
        at = end
    level = loudness(sound)
    assert level.integrated == pytest.approx(-16, abs=0.2)
    assert level.true_peak <= -1


def line_of(text: str) -> Line:
    """A sentence as the narrator asks for it."""
    return Line(text=text, words=tuple(text.split()), voice="alto", speed=1.0, language="en")


async def test_joins_have_no_clicks(booth: Booth) -> None:
    """No step from one sample to the next at the ends of sentences is larger than those that speech has anyway."""
    fact = await booth.narrate(ToneVoice(), STORY)
    narration, sound = await booth.narration(fact), await booth.sound(fact.sound)
    steps = np.abs(np.diff(sound))
    jerks = np.abs(np.diff(sound, 2))
    joins, inside = np.zeros(len(steps), bool), np.zeros(len(steps), bool)
    for start, done, _ in slot_bounds(narration):
        joins[max(start - 50, 0) : start + 50] = joins[done - 50 : done + 50] = True
        inside[start + 400 : done - 400] = True
    assert steps[joins].max() < 0.3 * steps[inside].max()
    assert jerks[joins[:-1]].max() < 0.3 * jerks[inside[:-1]].max()


@pytest.mark.parametrize("text", ["Go.", "I", "Yes!", "Hello there."])
async def test_one_word_is_as_loud(booth: Booth, text: str) -> None:
    for level in (0.9, 0.004):
        fact = await booth.narrate(ToneVoice(level=level), text, owner=f"ann{level}")
        level_of = loudness(await booth.sound(fact.sound))
        assert level_of.integrated == pytest.approx(-16, abs=0.5)
        assert level_of.true_peak <= -1
        assert fact.duration >= 3


async def test_peaks_that_stand_out_are_turned_down_unheard(booth: Booth) -> None:
    """One loud word in a quiet sentence: the level is reached, the peaks hold, and the sound is the same."""
    voice = ToneVoice()
    text = "This is a long and quiet sentence with one loud part in it."
    quiet = voice.speech(line_of(text))
    loud = quiet.sound * 0.15
    loud[20_000:24_000] *= 9 * np.hanning(4000).astype(np.float32) + 1
    voice.given[text] = Speech(sound=loud, rate=quiet.rate, words=quiet.words)
    fact = await booth.narrate(voice, text)
    sound = await booth.sound(fact.sound)
    level = loudness(sound)
    assert level.integrated == pytest.approx(-16, abs=0.5)
    assert level.true_peak <= -1
    assert likeness(sound, resampled(loud, voice.rate), window=480) > 0.99


async def test_the_mp3_is_as_long_as_the_sound(booth: Booth) -> None:
    fact = await booth.narrate(ToneVoice(), STORY)
    sound, mp3 = await booth.sound(fact.sound), await booth.sound(fact.voiceover)
    assert len(mp3) == len(sound)
    assert np.corrcoef(sound, mp3)[0, 1] > 0.99
    assert loudness(mp3).integrated == pytest.approx(-16, abs=0.2)
    assert loudness(mp3).true_peak <= -1
    async with booth.store.local(fact.voiceover) as path:
        with av.open(str(path)) as container:
            assert container.duration is not None
            assert container.duration / 1e6 == pytest.approx(fact.duration, abs=0.05)


async def test_words_are_told_with_their_times_and_captions(booth: Booth) -> None:
    text = "Now then. " + "It was a long way down to the harbour and nobody had thought of bringing a light for it."
    fact = await booth.narrate(ToneVoice(), text, title="Down")
    narration, analysis = await booth.narration(fact), await booth.analysis(fact)
    assert narration.lead_frames == 72
    assert " ".join(word.text for word in analysis.words) == text
    for one in narration.sentences:
        times = [time for word in one.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert times[0] >= 0
        assert times[-1] <= one.speech_s + 0.0005
    assert analysis.words[0].start == pytest.approx(2.4)
    assert analysis.words[2].start == pytest.approx(narration.sentences[1].start_frame / 30)
    assert {word.line for word in analysis.words[:2]} == {0}
    assert sorted({word.line for word in analysis.words}) == [0, 1, 2]
    assert analysis.beats == ()
    assert analysis.tempo.bpm == 0
    assert list(analysis.onsets) == [word.start for word in analysis.words]
    (section,) = analysis.sections
    assert (section.start, section.end, section.label, section.group) == (0.0, analysis.duration, "part", 0)
    assert max(analysis.peaks) == 1
    assert len(analysis.peaks) == 1500


async def test_paragraphs_are_sections(booth: Booth) -> None:
    analysis = await booth.analysis(await booth.narrate(ToneVoice(), STORY))
    first, second = analysis.sections
    assert (first.start, first.group, second.group, second.end) == (0.0, 0, 1, analysis.duration)
    assert first.end == second.start == analysis.words[14].start


async def test_a_changed_sentence_moves_the_others_by_frames_and_changes_nothing_in_them(booth: Booth) -> None:
    voice = ToneVoice()
    before = await booth.narrate(voice, STORY)
    after = await booth.narrate(voice, STORY.replace("Nobody moved", "Nobody in the whole room moved"))
    assert (after.sentences, after.made) == (4, 1)
    one, two = await booth.narration(before), await booth.narration(after)
    heard, again = await booth.analysis(before), await booth.analysis(after)
    for place in (0, 2, 3):
        old, new = one.sentences[place], two.sentences[place]
        assert msgspec.structs.replace(new, start_frame=old.start_frame) == old
        assert of_slot(heard, old.start_frame, old.frames) == of_slot(again, new.start_frame, new.frames)
    assert two.sentences[3].start_frame > one.sentences[3].start_frame


def of_slot(analysis: Analysis, start: int, frames: int) -> list[Any]:
    """What the analysis tells of a slot, on its own clock."""
    begin, end = start / 30, (start + frames) / 30
    energy = [(round(one.time - begin, 4), one.value) for one in analysis.energy if begin - 1e-4 < one.time < end]
    words = [
        (word.text, round(word.start - begin, 4)) for word in analysis.words if begin - 1e-4 < word.start < end
    ]
    return [energy, words]


async def test_energy_moves_with_the_voice_and_goes_on_evenly(booth: Booth) -> None:
    analysis = await booth.analysis(await booth.narrate(ToneVoice(), STORY))
    times = [point.time for point in analysis.energy]
    values = [point.value for point in analysis.energy]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (0.0, analysis.duration)
    assert 0 <= min(values) < 0.3
    assert 0.9 < max(values) <= 1
    assert max(abs(np.diff(values))) < 0.3


async def test_the_same_script_again_asks_nobody(booth: Booth) -> None:
    voice = ToneVoice()
    first = await booth.narrate(voice, STORY)
    again = await booth.narrate(voice, STORY)
    assert again == msgspec.structs.replace(first, made=0)
    assert booth.context.reused
    assert sum(voice.asked.values()) == 4
    await booth.narrate(voice, STORY, owner="bob")
    await booth.narrate(voice, STORY, speed=1.5)
    assert sum(voice.asked.values()) == 12
    await booth.narrate(voice, STORY, fps="25")
    assert sum(voice.asked.values()) == 12


async def test_a_sentence_that_comes_often_is_spoken_once(booth: Booth) -> None:
    voice = ToneVoice()
    fact = await booth.narrate(voice, "Again. " * 40)
    assert (voice.asked["Again."], fact.sentences, fact.made) == (1, 40, 1)
    assert len(fact.spoken) == 1


async def test_several_are_spoken_at_once_and_no_more(booth: Booth) -> None:
    voice = ToneVoice()
    await booth.narrate(voice, " ".join(f"Sentence number {number}." for number in range(12)))
    assert voice.most_at_once == 2
    assert booth.said[-1].fraction <= 1


async def test_words_that_cannot_be_said_are_reported_and_shown(booth: Booth) -> None:
    text = "She said привет to me.\n\nПривет!\n\nThen she left."
    fact = await booth.narrate(ToneVoice(), text)
    narration, analysis = await booth.narration(fact), await booth.analysis(fact)
    assert [word.text for word in analysis.words] == text.split()
    (notice,) = (notice for notice in fact.notices if notice.code == "words_unspoken")
    assert "2 words" in notice.message
    assert "привет" in notice.message
    silent = narration.sentences[1]
    assert (silent.samples, [word.spoken for word in silent.words]) == (0, [False])
    assert silent.speech_s > 0.4
    assert silent.words[-1].end <= silent.speech_s
    start, _, end = slot_bounds(narration)[1]
    assert not np.any((await booth.sound(fact.sound))[start:end])
    assert all(word.placed for word in analysis.words)


async def test_a_script_of_which_nothing_can_be_said_is_refused(booth: Booth) -> None:
    with pytest.raises(Permanent) as caught:
        await booth.narrate(ToneVoice(), "Привет, как дела. Хорошо.")
    assert caught.value.code == "voice_cannot_say"


async def test_words_without_times_get_them_by_their_letters(booth: Booth) -> None:
    narration = await booth.narration(await booth.narrate(ToneVoice(knows_times=False), "Two words."))
    (one,) = narration.sentences
    assert [word.text for word in one.words] == ["Two", "words."]
    assert one.words[0].start == 0
    assert one.words[1].end == pytest.approx(one.speech_s, abs=0.001)


@pytest.mark.parametrize("fault", ["nan", "silence", "counts", "rate", "shape", "length"])
async def test_what_no_engine_may_give_is_a_failure(booth: Booth, fault: str) -> None:
    voice, text = ToneVoice(), "First one. Second one."
    good = voice.speech(line_of("Second one."))
    sound, rate, words = good.sound.copy(), good.rate, good.words
    if fault == "nan":
        sound[100] = np.nan
    elif fault == "silence":
        sound *= 1e-5
    elif fault == "length":
        sound = sound[:200]
    elif fault == "shape":
        sound = sound.reshape(1, -1)
    voice.given["Second one."] = Speech(
        sound=sound, rate=1 if fault == "rate" else rate, words=words[:1] if fault == "counts" and words else words
    )
    with pytest.raises(Retryable) as caught:
        await booth.narrate(voice, text)
    assert caught.value.code == "voice_failed"
    assert caught.value.message.startswith("Sentence 2 of 2: ")


async def test_an_engine_that_fails_on_one_sentence_fails_the_task_each_time(booth: Booth) -> None:
    voice = ToneVoice()
    text = " ".join(f"Sentence number {number}." for number in range(1, 11))
    voice.failing["Sentence number 7."] = [Retryable("voice_failed", "It made no sound.") for _ in range(3)]
    for _ in range(3):
        with pytest.raises(BeatloomError) as caught:
            await booth.by(booth.narrator(voice, at_once=1), text)
        assert caught.value.message == "Sentence 7 of 10: It made no sound."
    asked = voice.asked.copy()
    assert asked.pop("Sentence number 7.") == 3
    assert set(asked.values()) == {1}
    fact = await booth.narrate(voice, text)
    assert (voice.asked["Sentence number 7."], fact.sentences) == (4, 10)
    assert set(voice.asked.values()) == {1, 4}


async def test_what_was_spoken_before_a_cancel_is_found_again(booth: Booth) -> None:
    voice = ToneVoice()
    text = " ".join(f"Sentence number {number}." for number in range(1, 9))
    voice.holding.add("Sentence number 6.")
    narrator = booth.narrator(voice, at_once=1)
    work = asyncio.ensure_future(booth.by(narrator, text))
    await asyncio.wait_for(voice.held.wait(), 20)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert voice.at_once == 0
    kept = await booth.records()
    assert kept == len(voice.asked) - 1
    voice.holding.clear()
    fact = await booth.narrate(voice, text)
    assert fact.made == 8 - kept
    assert sum(voice.asked.values()) == 9


async def test_what_was_spoken_before_the_process_died_is_found_again(booth: Booth, tmp_path: Path) -> None:
    text = " ".join(f"Sentence number {number}." for number in range(1, 9))
    command = [
        sys.executable,
        "-m",
        "tests.integration.generator.narrates",
        str(tmp_path),
        text,
        "Sentence number 6.",
    ]
    died = subprocess.run(command, timeout=120, check=False)
    assert died.returncode == -signal.SIGKILL
    kept = await booth.records()
    voice = ToneVoice()
    fact = await booth.narrate(voice, text)
    assert fact.made == len(voice.asked) == 8 - kept
    assert not [file for file in (tmp_path / "artifacts").rglob("*") if ".tmp" in file.name]


@pytest.mark.parametrize("limit", [2_000, 60_000])
async def test_a_full_disk_is_told_and_what_was_spoken_is_found_again(tmp_path: Path, limit: int) -> None:
    """Where not even a sentence fits, and where only the narration as a whole doesn't."""
    voice, store = ToneVoice(rate=8_000), open_store(f"file://{tmp_path}/artifacts")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with Scratch(tmp_path / "scratch") as scratch:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, usual[1]))
        try:
            async with WorkerPool(1) as workers:
                with pytest.raises(Retryable) as caught:
                    await Booth(store, scratch, workers).narrate(voice, STORY)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        assert caught.value.code == "no_space"
        assert not [left for left in (tmp_path / "scratch").rglob("*") if left.name.startswith("voice")]
        before = sum(voice.asked.values())
        async with WorkerPool(1) as workers:
            fact = await Booth(store, scratch, workers).narrate(voice, STORY)
    assert fact.sentences == 4
    assert (sum(voice.asked.values()) == before) == (limit == 60_000)


async def test_two_at_once_come_to_the_same(booth: Booth) -> None:
    """In one process a sentence is spoken once. Two processes may both speak it, not quite the same: then the first
    record counts for both."""
    voice, other = ToneVoice(), ToneVoice(level=0.1)
    narrator = booth.narrator(voice)
    first, second, third = await asyncio.gather(
        booth.by(narrator, STORY), booth.by(narrator, STORY), booth.narrate(other, STORY)
    )
    assert set(voice.asked.values()) == {1}
    assert first.sound == second.sound == third.sound
    assert first.narration == second.narration == third.narration
    assert first.spoken == second.spoken == third.spoken


async def test_a_narration_that_gets_too_long_is_given_up_early(booth: Booth) -> None:
    voice = ToneVoice(rate=8_000)
    text = " ".join(f"Sentence number {number}." for number in range(100))
    long = voice.speech(line_of("Sentence"))
    for number in range(100):
        sound = np.tile(long.sound, 30 * 8_000 // len(long.sound))
        voice.given[f"Sentence number {number}."] = Speech(sound=sound, rate=8_000, words=None)
    with pytest.raises(Permanent) as caught:
        await booth.narrate(voice, text)
    assert caught.value.code == "script_too_long"
    assert sum(voice.asked.values()) < 35


async def test_a_voice_there_is_not(booth: Booth) -> None:
    with pytest.raises(Permanent) as caught:
        await booth.narrate(ToneVoice(), STORY, voice="bass")
    assert caught.value.code == "voice_unknown"


async def test_a_script_in_another_language_is_told(booth: Booth) -> None:
    fact = await booth.narrate(ToneVoice(), "Das ist alles.", language="de")
    assert [notice.code for notice in fact.notices] == ["voice_language"]
    assert (await booth.narration(fact)).language == "de"
