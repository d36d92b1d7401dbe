"""What `render --script` is asked for, and what is wrong with it."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec
import pytest

from libs.contracts.errors import Permanent
from libs.contracts.scripts import MAX_SCRIPT_CHARS
from services.standalone.cli import exit_code_of, parser
from services.standalone.order import Order, read_order
from services.standalone.progress import Shown, plain_line
from services.standalone.summary import whole_command


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a text's.txt"
    path.write_bytes("\ufeffEine Zeile.\r\n\r\nUnd noch eine.\r".encode())
    (tmp_path / "bed.mp3").write_bytes(b"x")
    (tmp_path / "prompts.txt").write_text(" a sea\n\na pier at night \n\n\n")
    return path


def order_of(*words: str | Path) -> Order:
    return read_order(parser().parse_args(["render", *map(str, words)]))


def test_the_video_is_named_after_the_script(script: Path, tmp_path: Path) -> None:
    order = order_of("--script", script)
    assert (order.song, order.out) == (None, tmp_path / "a text's.beatloom.mp4")
    assert order.script is not None
    assert order.script.said.text == "Eine Zeile.\n\nUnd noch eine.\n"
    assert (order.script.said.prompts, order.script.said.language) == ((), "")


def test_all_that_goes_with_a_script(script: Path, tmp_path: Path) -> None:
    words = ["--music", "bed.mp3", "--prompts", "prompts.txt", "--voice", "de_DE-x"]
    order = order_of("--script", script, *words, "--speed", "1.25", "--language", "de")
    assert order.song == tmp_path / "bed.mp3"
    assert order.script is not None
    assert order.script.said.prompts == ("a sea", "", "a pier at night")
    assert order.script.said.language == "de"
    assert (order.options.voice, order.options.speed) == ("de_DE-x", 1.25)


def test_music_of_a_prompt(script: Path) -> None:
    order = order_of("--script", script, "--music-prompt", "calm piano", "--comfyui-url", "http://gpu:8188")
    assert (order.options.music, order.song) == ("calm piano", None)
    assert "--music-prompt=calm piano" in shlex.split(whole_command(order, 7))


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], "bad_options", "Neither a song nor a script"),
        (["bed.mp3", "--music", "bed.mp3"], "bad_options", "--music goes with --script"),
        (["bed.mp3", "--music-prompt", "calm"], "bad_options", "--music-prompt goes with --script"),
        (["--script", "a text's.txt", "--music-prompt", "calm"], "bad_options", "ComfyUI servers"),
        (["--script", "a text's.txt", "--music-prompt", "x" * 1001], "bad_options", "--music-prompt: "),
        (
            ["--script", "a text's.txt", "--music-prompt", "calm", "--music", "bed.mp3"],
            "bad_options",
            "one of them",
        ),
        (["bed.mp3", "--voice", "joe"], "bad_options", "--voice goes with --script"),
        (["bed.mp3", "--speed", "2"], "bad_options", "--speed goes with --script"),
        (["--script", "a text's.txt", "bed.mp3"], "bad_options", "--music=bed.mp3"),
        (["--script", "a text's.txt", "--lyrics", "prompts.txt"], "bad_options", "--lyrics"),
        (["--script", "a text's.txt", "--speed", "3"], "bad_options", "--speed"),
        (["--script", "a text's.txt", "--speed", "0"], "bad_options", "--speed"),
        (["--script", "a text's.txt", "--music", "none.mp3"], "not_found", "music"),
        (["--script", "a text's.txt", "--prompts", "none.txt"], "not_found", "prompts"),
        (["--script", "none.txt"], "not_found", "script"),
        (["--script", "latin.txt"], "bad_script", "not UTF-8"),
        (["--script", "long.txt"], "bad_script", "too long"),
        (["--script", "endless.txt"], "bad_script", "too long"),
        (["--script", "a text's.txt", "--prompts", "many.txt"], "bad_options", "more than 1000 lines"),
        (["--script", "a text's.txt", "-o", "a text's.txt"], "bad_options", "overwrite"),
        (["--script", "a text's.txt", "--prompts", "prompts.txt", "-o", "prompts.txt"], "bad_options", "overwrite"),
    ],
)
def test_what_is_wrong_is_said(script: Path, tmp_path: Path, words: list[str], code: str, told: str) -> None:
    (tmp_path / "latin.txt").write_bytes("Fünf".encode("latin-1"))
    (tmp_path / "long.txt").write_text("x" * (MAX_SCRIPT_CHARS + 1))
    (tmp_path / "endless.txt").write_text("é" * (3 * MAX_SCRIPT_CHARS))
    (tmp_path / "many.txt").write_text("a sea\n" * 1001)
    with pytest.raises(Permanent) as caught:
        order_of(*words)
    assert caught.value.code == code
    assert told in caught.value.message
    assert exit_code_of(caught.value) == 2


def test_the_command_of_a_preview_orders_the_same_narrated_video(script: Path, tmp_path: Path) -> None:
    given = [f"--script={script}", "--music=bed.mp3", "--prompts=prompts.txt", "--language=de", "--speed=0.9"]
    preview = order_of("--preview", "--voice=de_DE-x", "--title=Am Meer", *given)
    words = shlex.split(whole_command(preview, 77))
    whole = order_of(*words[2:])
    assert whole.options == msgspec.structs.replace(preview.options, preview=False, seed=77)
    assert (whole.song, whole.script) == (preview.song, preview.script)


def test_a_voice_speaks_where_a_song_is_heard() -> None:
    shown = Shown(stage="analyzing", percent=3, doing="sentence 4 of 9", narrated=True)
    assert plain_line(shown) == "  3 %  Speaking: sentence 4 of 9"
    assert plain_line(Shown(stage="analyzing", percent=3)) == "  3 %  Listening"
