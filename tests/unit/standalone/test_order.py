"""What `render` is asked for, and what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from libs.contracts.errors import Permanent, Retryable
from services.standalone.cli import complain, exit_code_of, parser
from services.standalone.order import default_name, read_order, report_path
from services.standalone.render import failure_of


def asked(*words: str) -> list[str]:
    return ["render", *words]


@pytest.fixture
def song(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'it\'s a "song" $(x)\n.mp3'
    path.write_bytes(b"x")
    return path


def test_the_video_is_named_after_the_song_and_lies_in_the_current_folder(song: Path, tmp_path: Path) -> None:
    order = read_order(parser().parse_args(asked(str(song))))
    assert order.out == tmp_path / 'it\'s a "song" $(x)\n.beatloom.mp4'
    assert order.report == tmp_path / 'it\'s a "song" $(x)\n.beatloom.report.json'
    assert order.sheet == tmp_path / 'it\'s a "song" $(x)\n.beatloom.sheet.jpg'
    assert (order.options.height, order.options.fps, order.options.seed) == (1080, "30", None)


def test_a_very_long_name_is_cut(tmp_path: Path) -> None:
    name = default_name(Path("é" * 127 + ".mp3"))
    (tmp_path / report_path(Path(name)).name).touch()
    assert name.endswith(".beatloom.mp4")


def test_the_report_of_another_name() -> None:
    assert report_path(Path("/a/b.mov")) == Path("/a/b.mov.report.json")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--fps", "500"], "--fps"),
        (["--fps", "x"], "--fps: fps is a number or a fraction"),
        (["--fps", "30/0"], "--fps"),
        (["--height", "5"], "--height"),
        (["--style", "../../etc"], "--style"),
        (["--style", "duotone"], "shows a theme picture"),
        (["--style", "press"], "shows a theme picture"),
        (["--seed", "-1"], "--seed"),
        (["--title", "x" * 201], "--title"),
        (["-o", "/nowhere/x.mp4"], "no folder"),
        (["-o", "."], "is a folder"),
        (["-o", "x" * 300], "too long"),
        (["-o", "/dev/null"], "is no file"),
        (["-o", "/proc/x.mp4"], "can't be written"),
        (["--keep", "/dev/null/x"], "not a folder"),
        (["--keep", "/proc/x"], "can't be written"),
        (["--image", "missing.png"], "picture"),
        (["--lyrics", "missing.lrc"], "lyrics"),
    ],
)
def test_what_is_wrong_is_said(song: Path, words: list[str], told: str) -> None:
    with pytest.raises(Permanent) as caught:
        read_order(parser().parse_args(asked(str(song), *words)))
    assert told in caught.value.message
    assert exit_code_of(caught.value) == 2


def test_the_song_is_never_overwritten(song: Path) -> None:
    with pytest.raises(Permanent, match="overwrite"):
        read_order(parser().parse_args(asked(str(song), "-o", str(song))))


def test_a_report_never_overwrites_what_the_video_is_made_of(song: Path, tmp_path: Path) -> None:
    lyrics = tmp_path / "words.report.json"
    lyrics.write_text("[00:01.00]la")
    with pytest.raises(Permanent, match="overwrite"):
        read_order(parser().parse_args(asked(str(song), "--lyrics", str(lyrics), "-o", "words.mp4")))


def test_a_report_needs_its_place_too(song: Path, tmp_path: Path) -> None:
    (tmp_path / "x.report.json").mkdir()
    with pytest.raises(Permanent, match="is a folder"):
        read_order(parser().parse_args(asked(str(song), "-o", "x.mp4")))


def test_a_sheet_needs_its_place_too(song: Path, tmp_path: Path) -> None:
    (tmp_path / "x.sheet.jpg").mkdir()
    with pytest.raises(Permanent, match="is a folder"):
        read_order(parser().parse_args(asked(str(song), "-o", "x.mp4")))


def test_a_loop_of_links_is_no_place_for_a_video(song: Path, tmp_path: Path) -> None:
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    with pytest.raises(Permanent, match="is no file"):
        read_order(parser().parse_args(asked(str(song), "-o", "loop.mp4")))


def test_what_would_never_end_is_not_opened(song: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    for place in ("pipe.mp3", "/dev/zero"):
        with pytest.raises(Permanent, match="is no file"):
            read_order(parser().parse_args(asked(place)))


def test_looking_at_the_place_leaves_nothing_there(song: Path, tmp_path: Path) -> None:
    read_order(parser().parse_args(asked(str(song), "-o", "x.mp4", "--keep", "a/b")))
    assert list(tmp_path.iterdir()) == [song]


def test_a_name_can_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    complain(Permanent("not_found", "The song a\x1b[2Jb\u202e\n.mp3 is no file."))
    assert capsys.readouterr().err == (
        "error: The song a\ufffd[2Jb\ufffd .mp3 is no file. (not_found)\nhint: Check the address.\n"
    )


def test_exit_codes_tell_what_to_change_from_what_went_wrong() -> None:
    assert exit_code_of(Permanent("not_media")) == 2
    assert exit_code_of(Permanent("data_dir_in_use")) == 2
    assert exit_code_of(Permanent("media_tool_failed")) == 3
    assert exit_code_of(Retryable("no_space")) == 3


@pytest.mark.parametrize(
    ("code", "exit_code"), [("voice_unknown", 2), ("voice_failed", 3), ("worker_lost", 3), ("of_a_newer_server", 3)]
)
def test_what_a_job_finds_wrong_with_the_order_is_bad_input(code: str, exit_code: int) -> None:
    error = failure_of({"status": "failed", "error": {"code": code, "message": "So it is.", "hint": "Do this."}})
    assert exit_code_of(error) == exit_code
    assert error.message == "So it is."


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    told = capsys.readouterr().out
    assert all(name in told for name in ("render", "up", "analyze", "plan", "doctor", "dead"))
