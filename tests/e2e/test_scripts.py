"""A text becomes a narrated video: its words, its times, and what is made again when it changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.script import hear as hear_whole
from benchmarks.script import lateness
from libs.contracts.manifest import Manifest
from tests.e2e.home import Home
from tests.e2e.narrator import Made, Narrator
from tests.e2e.speech import spoken
from tests.e2e.watch import RATE, cut_near, hear, see
from tests.faults.fleet import Client
from tests.faults.test_standalone import running_up
from tests.paths import ROOT
from tests.ports import free_port
from tests.songs import make_song

OPTIONS = {"height": 96, "fps": "12", "seed": 3}
NEAR_S = 0.15
TALE = """The first tram leaves at five. It carries bakers, nurses and one sleepy dog.

At the bridge it stops for nobody. The driver waits a moment all the same.

Then the sun is up, and the day begins."""
CHANGED = TALE.replace("a moment", "a minute")


@pytest.fixture(scope="module")
def narrator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Narrator]:
    """The one-machine stack."""
    data, port = tmp_path_factory.mktemp("up") / "data", free_port()
    with running_up(data, port):
        yield Narrator(Client(f"http://127.0.0.1:{port}"), data)


@pytest.fixture(scope="module")
def told(narrator: Narrator) -> dict[str, Any]:
    """The job of the tale."""
    return narrator.tell(TALE, options=OPTIONS)


def words_of(manifest: Manifest) -> list[str]:
    return [word.text for scene in manifest.scenes for word in scene.words]


def codes(job: dict[str, Any]) -> set[str]:
    return {notice["code"] for notice in job["notices"]}


def assert_heard_when_shown(manifest: Manifest, sound: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    """Wherever the sound begins after a pause or ends before one, a word does, and each word is heard."""
    words = [word for scene in manifest.scenes for word in scene.words if word.spoken]
    starts = np.array([word.start for word in words])
    ends = np.array([word.end for word in words])
    stretches = spoken(sound)
    assert stretches
    late = [float(np.abs(starts - one.start).min()) for one in stretches]
    late += [float(np.abs(ends - one.end).min()) for one in stretches]
    assert np.mean([one <= NEAR_S for one in late]) >= 0.95, [round(one, 3) for one in late]
    heard = [
        any(one.start - NEAR_S < (word.start + word.end) / 2 < one.end + NEAR_S for one in stretches)
        for word in words
    ]
    assert np.mean(heard) >= 0.95, [word.text for word, yes in zip(words, heard, strict=True) if not yes]


def test_a_script_becomes_a_narrated_video(narrator: Narrator, told: dict[str, Any], tmp_path: Path) -> None:
    names = narrator.names(told)
    assert {"voiceover.mp3", "manifest.json", "stitched_subtitled.mp4", "report.json"} <= names
    video, voice = tmp_path / "video.mp4", tmp_path / "voice.mp3"
    video.write_bytes(narrator.file(told, "stitched_subtitled.mp4"))
    voice.write_bytes(narrator.file(told, "voiceover.mp3"))
    manifest, report = narrator.manifest(told), narrator.report(told)

    assert words_of(manifest) == TALE.split()
    seen = see(video)
    assert seen.even
    assert (seen.frames, seen.height) == (manifest.frames, 96)
    assert manifest.scenes[0].start_frame == 0
    assert manifest.scenes[-1].end_frame == manifest.frames
    for scene in manifest.scenes:
        assert {scene.image.path, scene.clip.path} <= names
        assert len(narrator.file(told, scene.image.path)) == scene.image.size

    sound = hear(video)
    assert abs(len(sound) / RATE - seen.seconds) < 0.1
    assert abs(len(hear(voice)) / RATE - seen.seconds) < 0.1
    assert_heard_when_shown(manifest, sound)

    assert report.problems == ()
    assert report.telling is not None and report.loudness is not None
    assert report.telling.words == report.telling.words_shown == len(TALE.split())
    assert report.telling.clicks == 0
    assert (report.telling.cuts_in_pauses, report.telling.cut_worst_ms) == (1.0, 0.0)
    assert abs(report.loudness.integrated_lufs + 16) <= 1
    assert report.loudness.true_peak_dbtp <= -0.5
    for scene in manifest.scenes[1:]:
        assert abs(cut_near(seen, scene.start_frame) - scene.start_frame) <= 4


def test_the_same_script_again_makes_nothing(narrator: Narrator, told: dict[str, Any]) -> None:
    first = narrator.made(told)
    assert first.sentences == 5
    assert len(first.clips) == len(narrator.manifest(told).scenes)
    again = narrator.tell(TALE, options=OPTIONS)
    assert narrator.made(again) == Made(sentences=0, clips=(), facts=())


def test_a_changed_sentence_costs_its_scene(narrator: Narrator, told: dict[str, Any]) -> None:
    changed = narrator.tell(CHANGED, options=OPTIONS)
    made = narrator.made(changed)
    scenes = narrator.manifest(changed).scenes
    assert made.sentences == 1
    assert made.clips == tuple(scene.id for scene in scenes if "a minute" in scene.text)
    assert len(made.clips) == 1
    assert words_of(narrator.manifest(changed)) == CHANGED.split()


def test_one_word_and_a_title(narrator: Narrator) -> None:
    job = narrator.tell("Hello!", options={**OPTIONS, "title": "A greeting"})
    manifest = narrator.manifest(job)
    assert words_of(manifest) == ["Hello!"]
    assert manifest.scenes[0].text == ""
    assert manifest.scenes[0].end >= 2
    assert manifest.scenes[1].words[0].start >= manifest.scenes[0].end - 0.001


REFUSED = {
    "only emoji": ("🎉 🎊\n\n😀", "script_empty"),
    "nothing": (" \n\t ", "script_empty"),
    "only tags": ("<speak><break time='2s'/></speak>", "script_empty"),
    "ten thousand words": ("It was a long story. " * 2000, "script_too_long"),
    "more than may be sent": ("word " * 40_001, "bad_script"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_can_not_be_told_is_refused_at_once(narrator: Narrator, what: str) -> None:
    script, code = REFUSED[what]
    answer = narrator.ask(script, options=OPTIONS)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_script_in_letters_that_the_voice_does_not_know_is_told_so(narrator: Narrator) -> None:
    job = narrator.ended("שלום לכולם. מה שלומכם היום?", options=OPTIONS)
    assert (job["status"], job["error"]["code"]) == ("failed", "voice_cannot_say")


def test_a_voice_that_there_is_not_is_told_so(narrator: Narrator) -> None:
    job = narrator.ended("Hello.", options={**OPTIONS, "voice": "nobody"})
    assert (job["status"], job["error"]["code"]) == ("failed", "voice_unknown")
    assert "joe" in job["error"]["message"], "it says which there are"


MARKED = (
    '<speak>Now <emphasis>listen</emphasis>.<break time="1s"/></speak>'
    " <p>Fish &amp; chips<br/>cost <b>five</b> pounds.</p>"
    "\n\nשלום means peace, and 日本 is Japan. 🎉"
)


def test_tags_are_not_spoken_and_other_letters_are_shown(narrator: Narrator, tmp_path: Path) -> None:
    prompts = ["a market", "", "a harbour", "a hill", "a boat", "a door", "a lamp", "one too many"]
    bed = make_song(tmp_path, seconds=6, bpm=100)
    job = narrator.tell(MARKED, options=OPTIONS, prompts=prompts, music=bed.path)
    manifest = narrator.manifest(job)
    told = " ".join(words_of(manifest))
    assert "<" not in told
    assert "Fish & chips cost five pounds." in told
    assert "שלום means peace, and 日本 is Japan." in told.replace("日 本", "日本")
    spoken_words = {word.text for scene in manifest.scenes for word in scene.words if not word.spoken}
    assert any("שלום" in word for word in spoken_words), "it is shown, at a guessed time"
    assert {"markup_removed", "words_unspoken", "prompts_unused"} <= codes(job)
    assert manifest.scenes[0].prompt.startswith("a market")
    assert manifest.bed
    report = narrator.report(job)
    assert report.telling is not None and report.telling.bed_below_lu is not None
    assert report.telling.bed_below_lu >= 15
    assert report.loudness is not None and abs(report.loudness.integrated_lufs + 16) <= 1


def test_the_command_line_tells_a_script(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (home.cwd / "tale.txt").write_text(TALE.split("\n\n", maxsplit=1)[0])
    small = ("--height", "96", "--fps", "12")
    done = home.run("render", "--script", "tale.txt", *small, "--speed", "1.2", "--keep", "kept")
    assert done.returncode == 0, done.stderr
    assert "Speaking" in done.stdout
    assert f"{home.cwd / 'tale.beatloom.mp4'}\n" in done.stdout
    assert "14 words" in done.stdout
    kept = {path.name for path in (home.cwd / "kept").iterdir()}
    assert {"voiceover.mp3", "manifest.json"} <= kept
    manifest = json.loads((home.cwd / "kept" / "manifest.json").read_bytes())
    assert manifest["backend"] == "piper"

    (home.cwd / "none.txt").write_text("🎉")
    done = home.run("render", "--script", "none.txt", *small)
    assert done.returncode == 2
    assert "(script_empty)" in done.stderr


@pytest.mark.matrix
def test_five_hundred_short_lines(narrator: Narrator) -> None:
    lines = [f"Line {number} is here." for number in range(500)]
    job = narrator.tell("\n".join(lines), options={**OPTIONS, "speed": 2.0}, seconds=1800)
    manifest = narrator.manifest(job)
    assert words_of(manifest) == " ".join(lines).split()
    assert all(scene.end_frame - scene.start_frame >= 12 for scene in manifest.scenes)


@pytest.mark.matrix
def test_a_minute_of_script_as_people_see_it(narrator: Narrator, tmp_path: Path) -> None:
    text = (ROOT / "examples" / "script.txt").read_text()
    job = narrator.tell(text, options={"height": 720, "seed": 3}, seconds=600)
    manifest, report = narrator.manifest(job), narrator.report(job)
    video = tmp_path / "video.mp4"
    video.write_bytes(narrator.file(job, "stitched_subtitled.mp4"))
    assert words_of(manifest) == text.split()
    assert 45 <= manifest.duration <= 75
    assert (manifest.width, manifest.height) == (1280, 720)
    lengths = [scene.end - scene.start for scene in manifest.scenes]
    assert 3 <= min(lengths) <= max(lengths) <= 12
    assert_heard_when_shown(manifest, hear(video))
    late = np.abs(lateness(manifest, hear_whole(video)))
    assert len(late) > 0.9 * len(text.split())
    assert np.mean(late <= NEAR_S) >= 0.95
    assert report.problems == ()
    assert report.telling is not None
    assert report.telling.words_shown == report.telling.words
    assert report.telling.word_worst_ms is not None and report.telling.word_worst_ms <= 150
    assert report.telling.cuts_in_pauses == 1.0
