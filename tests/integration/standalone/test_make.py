"""`make`: what a person types reaches the command line as it is, whatever it holds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

NASTY = 'it\'s $(touch pwned) `touch pwned` "q" $HOME ${X} \\ ; #1 %s\n$(shell touch pwned).mp3'

FAKE = f"""#!{sys.executable}
import json, sys
print(json.dumps(sys.argv[1:]))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and, in place of .venv/bin, programs that print their arguments."""
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    fake = tmp_path / "bin"
    fake.mkdir()
    for name in ("beatloom", "python"):
        (fake / name).write_text(FAKE)
        (fake / name).chmod(0o755)
    return tmp_path


def make(checkout: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "BIN=bin", "install=@:", *words],
        cwd=checkout,
        env={**clean, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def told(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_help_is_what_make_alone_says(checkout: Path) -> None:
    done = make(checkout)
    assert done.returncode == 0
    assert "make video SONG=" in done.stdout
    assert "make test" in done.stdout


def test_names_arrive_as_they_are(checkout: Path) -> None:
    done = make(
        checkout, "video", f"SONG={NASTY}", "PROMPT=-x it's $(id)", "IMAGE=a b.jpg", "ASPECT=9:16", "OUT=-o $$.mp4"
    )
    expected = [
        "render",
        "--image=a b.jpg",
        "--prompt=-x it's $(id)",
        "--aspect=9:16",
        "--output=-o $$.mp4",
        "--",
        NASTY,
    ]
    assert told(done) == [expected]
    assert not list(checkout.rglob("pwned"))


def test_they_may_come_from_the_environment(checkout: Path) -> None:
    done = make(
        checkout,
        "video",
        SONG=NASTY,
        STYLE="auto",
        LYRICS="l.lrc",
        HEIGHT="360",
        FPS="25",
        SEED="7",
        TITLE="A $b",
        LYRICS_STYLE="line",
    )
    options = [
        "--lyrics=l.lrc",
        "--lyrics-style=line",
        "--title=A $b",
        "--style=auto",
        "--height=360",
        "--fps=25",
        "--seed=7",
    ]
    assert told(done) == [["render", *options, "--", NASTY]]


def test_a_preview_is_asked_for_with_any_word(checkout: Path) -> None:
    assert told(make(checkout, "video", "SONG=s.mp3", "PREVIEW=1")) == [["render", "--preview", "--", "s.mp3"]]
    assert told(make(checkout, "video", "SONG=s.mp3", "PREVIEW=")) == [["render", "--", "s.mp3"]]


def test_without_a_song_the_sample_is_made_and_used(checkout: Path) -> None:
    done = make(checkout, "video")
    assert told(done) == [["examples/make_sample.py", "build/sample.wav"], ["render", "--", "build/sample.wav"]]


def test_a_script_takes_the_place_of_the_song(checkout: Path) -> None:
    assert told(make(checkout, "video", f"SCRIPT={NASTY}")) == [["render", f"--script={NASTY}"]]
    options = {"MUSIC": "-a b.mp3", "PROMPTS": "p $x.txt", "VOICE": "joe", "SPEED": "1.1", "LANGUAGE": "de"}
    words = [f"--{name.lower()}={value}" for name, value in options.items()]
    done = make(checkout, "video", SCRIPT="t.txt", TITLE="A", **options)
    assert told(done) == [["render", "--title=A", *words, "--script=t.txt"]]


def test_a_song_beside_a_script_is_told_of_by_the_command_line(checkout: Path) -> None:
    assert told(make(checkout, "video", "SCRIPT=t", f"SONG={NASTY}")) == [["render", "--script=t", "--", NASTY]]


def test_a_failed_render_fails_make(checkout: Path) -> None:
    (checkout / "bin" / "beatloom").write_text("#!/bin/sh\nexit 3\n")
    assert make(checkout, "video", "SONG=x").returncode != 0


@pytest.mark.parametrize("program", ["#!/bin/sh\nexit 1\n", None])
def test_without_a_python_that_can_it_says_so_in_one_line(checkout: Path, program: str | None) -> None:
    """A python3 without venv, or none at all: nothing else is on the path."""
    tools = checkout / "tools"
    tools.mkdir()
    if program is not None:
        (tools / "python3").write_text(program)
        (tools / "python3").chmod(0o755)
    done = subprocess.run(
        [shutil.which("make") or "make", "setup"],
        cwd=checkout,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode != 0
    line, *rest = done.stderr.splitlines()
    assert (
        line == "error: Beatloom needs Python 3.11 or newer with venv (Debian, Ubuntu: apt install python3-venv)."
    )
    assert len(rest) == 1, "make's own word on the exit code, nothing else"
    assert not (checkout / ".venv").exists()
