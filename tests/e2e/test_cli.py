"""The command line as a person uses it: real processes, real songs, Ctrl-C and kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from examples import make_sample
from libs.contracts.analysis import Analysis
from libs.contracts.report import Report
from libs.contracts.storyboard import Storyboard
from tests.e2e.home import Home
from tests.faults.fleet import Client
from tests.ports import free_port
from tests.processes import alive, descendants
from tests.songs import Song, make_song
from tests.waiting import wait_until

SMALL = ("--height", "180", "--seed", "5")
NASTY = 'it\'s $(touch pwned) "q" `touch pwned`; ..\n.wav'


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    return make_song(tmp_path_factory.mktemp("song"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_song_with_a_nasty_name_becomes_a_video(home: Home, song: Song) -> None:
    nasty = home.cwd / NASTY
    nasty.write_bytes(song.path.read_bytes())
    done = home.run("render", "--json", *SMALL, "--keep", "kept", "--", nasty.name)
    assert done.returncode == 0, done.stderr

    told = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    name = NASTY.removesuffix(".wav")
    video, report = home.cwd / f"{name}.beatloom.mp4", home.cwd / f"{name}.beatloom.report.json"
    assert (told["status"], told["video"], told["report"], told["error"]) == (
        "completed",
        str(video),
        str(report),
        None,
    )
    assert video.stat().st_size > 10_000

    found = msgspec.json.decode(report.read_bytes(), type=Report)
    assert (found.width, found.height, found.fps, found.problems) == (320, 180, "30", ())
    assert abs(found.duration - song.seconds) <= 1 / 30
    kept = {path.relative_to(home.cwd / "kept").as_posix() for path in (home.cwd / "kept").rglob("*.*")}
    clips = {name for name in kept if name.startswith("clips/")}
    assert kept - clips == {"analysis.json", "storyboard.json", "report.json", "poster.jpg", "sheet.jpg"}
    assert len(clips) == len(found.cuts) + 1

    lines = [line for line in done.stderr.splitlines() if " %  " in line]
    percents = [int(line.split(" %")[0]) for line in lines]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert any("Drawing scenes" in line for line in lines)
    sheet = home.cwd / f"{name}.beatloom.sheet.jpg"
    assert told["sheet"] == str(sheet)
    made = {NASTY, video.name, report.name, sheet.name, "kept"}
    assert sorted(path.name for path in home.cwd.iterdir()) == sorted(made)
    assert home.renders() == []


def test_without_json_stdout_has_progress_and_says_where_the_video_is(home: Home, song: Song) -> None:
    lyrics = home.cwd / "words.lrc"
    lyrics.write_text("[00:01.00]one two three\n[00:03.00]four five six\n")
    done = home.run("render", song.path, *SMALL, "--lyrics", lyrics, "--aspect", "9:16", "-o", "a b.mp4")
    assert done.returncode == 0, done.stderr
    assert "100 %  Done" in done.stdout
    assert f"{home.cwd / 'a b.mp4'}\n180 x 320, 6.0 s" in done.stdout
    assert done.stderr == ""


def drawing(home: Home, song: Song) -> subprocess.Popen[str]:
    """A render that draws scenes already."""
    process = home.start("render", song.path, "--height", "720", "--json")
    assert process.stderr is not None
    for line in process.stderr:
        if "Drawing scenes" in line:
            break
    return process


def test_ctrl_c_while_scenes_are_drawn_leaves_nothing(home: Home, song: Song) -> None:
    with drawing(home, song) as process:
        children = descendants(process.pid)
        assert len(children) >= 2
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < 10
    told = json.loads(out)
    assert told["status"] == "cancelled"
    assert told["job_id"]
    assert told["video"] is None
    assert not any(map(alive, children))
    assert list(home.cwd.iterdir()) == []
    assert home.renders() == []


def test_a_killed_render_takes_its_children_along_and_its_data_goes_with_the_next(home: Home, song: Song) -> None:
    with drawing(home, song) as process:
        children = descendants(process.pid)
        process.kill()
    assert len(children) >= 2
    wait_until(lambda: not any(map(alive, children)), seconds=5, what="end of the children")
    (left,) = home.renders()
    os.utime(left, (0, 0))
    not_media = home.cwd / "x.mp3"
    not_media.write_text("no song")
    assert home.run("render", not_media).returncode == 2
    assert home.renders() == []


def test_too_short_a_song_and_a_wrong_option(home: Home) -> None:
    short = make_song(home.cwd, seconds=3)
    done = home.run("render", short.path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: The song is shorter than 5 seconds.")
    done = home.run("render", short.path, "--aspect", "2:1")
    assert done.returncode == 2


def test_analyze_and_plan_print_their_documents(home: Home) -> None:
    song = home.cwd / "sample.wav"
    make_sample.write_wav(song, make_sample.compose())
    done = home.run("analyze", song, "--json")
    assert done.returncode == 0, done.stderr
    analysis = msgspec.json.decode(done.stdout, type=Analysis)
    assert abs(analysis.duration - make_sample.DURATION) < 0.01
    assert abs(analysis.tempo.bpm - make_sample.BPM) < 1
    for true in make_sample.beats():
        assert min(abs(beat.time - true.time) for beat in analysis.beats) < 0.025
    (home.cwd / "a.json").write_text(done.stdout)

    done = home.run("plan", song, "--analysis", "a.json", "--fps", "29.97", "--json")
    assert done.returncode == 0, done.stderr
    board = msgspec.json.decode(done.stdout, type=Storyboard)
    assert (board.fps, board.frames) == ("30000/1001", round(analysis.duration * 30000 / 1001))
    assert board.scenes[-1].end_frame == board.frames
    assert home.run("plan", song, "--analysis", "a.json", "--fps", "29.97", "--json").stdout == done.stdout

    table = home.run("plan", song, "--analysis", "a.json").stdout
    assert all(scene.id in table for scene in board.scenes)
    wrong = home.run("plan", song, "--analysis", song)
    assert wrong.returncode == 2
    assert "is not an analysis" in wrong.stderr


def test_doctor_finds_all_here_and_says_what_is_missing(home: Home) -> None:
    done = home.run("doctor")
    assert done.returncode == 0, done.stdout
    assert not (home.cache.exists() or (home.cwd.parent / "data").exists())
    done = home.run("doctor", BEATLOOM_STANDALONE_NATS_SERVER="/nowhere/nats-server")
    assert done.returncode == 1
    assert "missing  nats-server" in done.stdout
    done = home.run("doctor", BEATLOOM_STANDALONE_PRT="1")
    assert done.returncode == 2
    assert "BEATLOOM_STANDALONE_PORT" in done.stderr


def test_dead_says_so_when_no_stack_runs(home: Home) -> None:
    done = home.run("dead", "list", "--url", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 3
    assert "No stack answers" in done.stderr
    assert "beatloom up" in done.stderr


def test_up_serves_all_beside_a_render_and_stops_when_told(home: Home, song: Song) -> None:
    port = free_port()
    began = time.monotonic()
    stack = home.start("up", "--port", str(port))
    assert stack.stdout is not None
    with stack:
        line = stack.stdout.readline()
        assert line.startswith(f"beatloom is up at http://127.0.0.1:{port} ")
        assert time.monotonic() - began < 30
        client = Client(f"http://127.0.0.1:{port}")
        assert client.ready()
        children = descendants(stack.pid)

        second = home.run("up", "--port", "0")
        assert second.returncode == 2
        assert "Another process uses" in second.stderr
        taken = home.run("up", "--port", str(port), "--data-dir", "other")
        assert taken.returncode == 2
        assert f"Port {port}" in taken.stderr

        done = home.run("render", song.path, *SMALL, "--json")
        assert done.returncode == 0, done.stderr
        listed = home.run("dead", "list")
        assert (listed.returncode, listed.stdout) == (0, "There are no dead letters.\n")
        missing = home.run("dead", "show", "no/such/letter/1")
        assert missing.returncode == 2

        stack.send_signal(signal.SIGTERM)
        _, err = stack.communicate(timeout=40)
    assert stack.returncode == 0, err
    assert not any(map(alive, children))
    assert not any(json.loads(line)["level"] in ("error", "critical") for line in err.splitlines())
    assert not (home.cwd.parent / "data" / "beatloom" / "stack.json").exists()
