"""A preview names the command that renders the whole."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec

from services.standalone.cli import parser
from services.standalone.order import read_order
from services.standalone.summary import whole_command


def test_the_command_orders_what_was_previewed(tmp_path: Path) -> None:
    song, lyrics = tmp_path / "my song's; $x.mp3", tmp_path / "-words.txt"
    for path in (song, lyrics):
        path.write_bytes(b"x")
    given = ["render", "--preview", f"--lyrics={lyrics}", "--prompt=a 'night'; \"$HOME\"", "--aspect=9:16"]
    given += ["--no-fill", "--fps=29.97", "--lyrics-style=stack", f"--output={tmp_path / 'p.mp4'}", "--", str(song)]
    preview = read_order(parser().parse_args(given))
    assert preview.options.preview
    assert not preview.options.fill

    words = shlex.split(whole_command(preview, 77))
    assert words.pop(0) == "beatloom"
    whole = read_order(parser().parse_args([*words[:-2], f"--output={tmp_path / 'w.mp4'}", *words[-2:]]))
    assert whole.options == msgspec.structs.replace(preview.options, preview=False, seed=77)
    assert (whole.song, whole.image, whole.lyrics) == (preview.song, preview.image, preview.lyrics)


def test_a_preview_has_a_name_of_its_own(tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"x")
    assert read_order(parser().parse_args(["render", str(song)])).out.name == "song.beatloom.mp4"
    assert read_order(parser().parse_args(["render", str(song), "--preview"])).out.name == "song.preview.mp4"
