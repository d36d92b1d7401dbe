"""`beatloom render --preview`: the plan of the whole video, small and soon."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from libs.contracts.report import Report
from libs.contracts.storyboard import Storyboard
from tests.e2e.home import Home
from tests.songs import make_song


def test_a_preview_shows_what_the_whole_video_will_be(tmp_path: Path) -> None:
    home = Home(tmp_path)
    song = make_song(home.cwd)
    done = home.run("render", "--preview", "--seed", "5", "--keep", "kept", song.path.name)
    assert done.returncode == 0, done.stderr
    video = home.cwd / f"{song.path.stem}.preview.mp4"
    last = done.stdout.splitlines()[-1]
    assert last.startswith("this was a preview of seed 5; the whole video: beatloom render --seed=5 -- ")
    assert last.endswith(str(song.path.absolute()))

    report = msgspec.json.decode(video.with_suffix(".report.json").read_bytes(), type=Report)
    assert report.preview and report.problems == () and report.pts_steps_ok
    assert (report.width, report.height, report.frames) == (426, 240, report.planned_frames)
    assert report.sound is not None and abs(report.sound.lag_ms or 0) < 1
    assert all(cut.found_frame == cut.planned_frame for cut in report.cuts if cut.kind == "cut")

    planned = home.run("plan", "--seed", "5", "--json", song.path.name)
    assert planned.returncode == 0, planned.stderr
    board = msgspec.json.decode((home.cwd / "kept" / "storyboard.json").read_bytes(), type=Storyboard)
    assert board == msgspec.convert(json.loads(planned.stdout), Storyboard)
    assert (board.width, board.height) == (1920, 1080)
