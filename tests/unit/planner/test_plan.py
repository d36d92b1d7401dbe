"""What holds for the storyboard of any song, and what good ones look like."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby, pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.analysis import Analysis
from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobOptions
from libs.contracts.storyboard import Scene, Storyboard
from libs.media.frames import frame_at, parse_fps
from services.planner.cuts import find_cuts
from services.planner.plan import plan
from services.planner.transitions import crossfade_frames
from tests.unit.planner.songs import rates, song, songs, steady

FPS = Fraction(30)


def seconds_of(scenes: Sequence[Scene]) -> list[float]:
    return [(scene.end_frame - scene.start_frame) / 30.0 for scene in scenes]


@settings(max_examples=200, deadline=None)
@given(songs(), rates, st.integers(0, 2**32 - 1))
def test_any_song_gets_scenes_that_add_up(heard: Analysis, fps_name: str, seed: int) -> None:
    storyboard, shots = plan(heard, JobOptions(fps=fps_name, height=360), seed)
    fps = parse_fps(fps_name)
    total = max(1, frame_at(heard.duration, fps))
    scenes = storyboard.scenes
    lengths = [scene.end_frame - scene.start_frame for scene in scenes]
    assert scenes[0].start_frame == 0
    assert storyboard.frames == scenes[-1].end_frame == sum(lengths) == total
    assert all(left.end_frame == right.start_frame for left, right in pairwise(scenes))
    assert len({scene.id for scene in scenes}) == len(scenes)
    if total >= math.ceil(4 * fps):
        assert min(lengths) >= 2 * fps
    if heard.duration >= 8:
        assert len(scenes) >= 3
    assert max(lengths) <= 12 * fps or len(scenes) == 1

    fades = [scene.transition for scene in scenes if scene.transition.kind == "crossfade"]
    assert scenes[0].transition.kind == "cut"
    assert 3 * len(fades) <= max(0, len(scenes) - 1)
    for scene, (before, after) in zip(scenes[1:], pairwise(lengths), strict=True):
        frames = scene.transition.frames
        assert frames % 2 == 0
        assert (frames > 0) == (scene.transition.kind == "crossfade")
        assert 3 * frames <= min(before, after)
    assert all(left.camera.move != right.camera.move for left, right in pairwise(scenes))

    for index, shot in enumerate(shots):
        tail = scenes[index + 1].transition.frames // 2 if index + 1 < len(scenes) else 0
        assert shot.scene is scenes[index]
        assert shot.lead == scenes[index].transition.frames // 2
        assert shot.frames == shot.lead + lengths[index] + tail
        assert shot.lead <= scenes[index].start_frame
        assert scenes[index].end_frame + tail <= total


@settings(max_examples=40, deadline=None)
@given(songs(60.0), st.integers(0, 2**32 - 1))
def test_the_same_song_and_seed_give_the_same_storyboard(heard: Analysis, seed: int) -> None:
    first, _ = plan(heard, JobOptions(), seed)
    again, _ = plan(msgspec.json.decode(msgspec.json.encode(heard), type=type(heard)), JobOptions(), seed)
    assert first == again


def test_another_process_makes_the_same_storyboard() -> None:
    code = (
        "import msgspec; from tests.unit.planner.test_plan import example;"
        "print(msgspec.json.encode(example(3)).decode())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": "77"}
    ).stdout
    assert msgspec.json.decode(other, type=Storyboard) == example(3)
    assert example(4) != example(3)


def example(seed: int) -> Storyboard:
    """A song of two minutes with the usual parts."""
    energies = [0.3] * 12 + [0.6] * 28 + [0.95] * 20 + [0.6] * 24 + [0.95] * 24 + [0.2] * 12
    parts = [
        ("intro", 0.0, 0), ("verse", 12.1, 1), ("chorus", 40.1, 2),
        ("verse", 60.1, 1), ("chorus", 84.1, 2), ("outro", 108.1, 0),
    ]  # fmt: skip
    return plan(song(120.0, steady(120.0, 120.0), energies=energies, sections=parts), JobOptions(), seed)[0]


def test_every_cut_is_the_frame_nearest_to_a_beat() -> None:
    beats = steady(127.0, 90.0)
    for fps in (FPS, Fraction(24000, 1001)):
        cuts = find_cuts(song(90.0, beats), fps)
        allowed = {frame_at(beat, fps) for beat in beats}
        assert set(cuts[1:-1]) <= allowed


def test_cuts_prefer_downbeats_and_take_section_bounds() -> None:
    beats = steady(120.0, 96.0)
    parts = [("verse", 0.0, 0), ("chorus", 24.1, 1), ("verse", 48.1, 0)]
    cuts = find_cuts(song(96.0, beats, sections=parts), FPS)
    downbeats = {frame_at(beat, FPS) for beat in beats[::4]}
    assert sum(cut in downbeats for cut in cuts[1:-1]) >= 0.9 * len(cuts[1:-1])
    assert {frame_at(24.1, FPS), frame_at(48.1, FPS)} <= set(cuts)


def test_loud_parts_are_cut_faster_than_calm_ones() -> None:
    scenes = example(1).scenes
    calm = [length for scene, length in zip(scenes, seconds_of(scenes), strict=True) if scene.energy < 0.7]
    loud = [length for scene, length in zip(scenes, seconds_of(scenes), strict=True) if scene.energy > 0.9]
    assert all(4.0 <= length <= 8.1 for length in calm)
    assert max(loud) <= 4.5
    assert sum(loud) / len(loud) < 0.75 * sum(calm) / len(calm)


def test_without_beats_the_scenes_are_even() -> None:
    lengths = [after - before for before, after in pairwise(find_cuts(song(60.0), FPS))]
    assert 7 <= len(lengths) <= 15
    assert max(lengths) - min(lengths) <= 30


@pytest.mark.parametrize(("seconds", "count"), [(0.05, 1), (3.0, 1), (3.9, 1), (8.0, 3), (9.0, 3)])
def test_short_songs_have_as_many_scenes_as_fit(seconds: float, count: int) -> None:
    assert len(find_cuts(song(seconds), FPS)) - 1 == count


def test_one_beat_in_the_middle_does_not_starve_a_short_song() -> None:
    cuts = find_cuts(song(8.0, [4.0]), FPS)
    assert len(cuts) - 1 >= 3
    assert min(after - before for before, after in pairwise(cuts)) >= 60


def test_choruses_are_entered_by_hard_cuts_and_calm_bounds_by_crossfades() -> None:
    scenes = example(1).scenes
    first_of = [
        scene
        for before, scene in pairwise(scenes)
        if (before.section, before.group) != (scene.section, scene.group)
    ]
    assert {scene.section for scene in first_of} >= {"verse", "chorus", "outro"}
    for scene in first_of:
        if scene.section == "chorus":
            assert scene.transition.kind == "cut"
    fades = [scene.transition.frames for scene in scenes if scene.transition.frames]
    assert fades
    assert all(12 <= frames <= 24 for frames in fades)


def test_choruses_look_related() -> None:
    scenes = example(1).scenes
    runs = [list(run) for _, run in groupby(scenes, key=lambda scene: scene.group)]
    first, second = (run for run in runs if run[0].section == "chorus")
    assert first[0].look == second[0].look
    assert first[0].camera.move == second[0].camera.move
    colours = {frozenset(msgspec.structs.astuple(scene.palette)) for scene in scenes}
    assert len(colours) == 1
    assert all(one.seed != other.seed for one, other in pairwise(scenes))


def test_options_reach_the_scenes() -> None:
    options = JobOptions(prompt="a lighthouse in rain", style="silk", aspect="9:16", height=719, fps="29.97")
    storyboard, _ = plan(song(30.0, steady(100.0, 30.0)), options, 5)
    assert (storyboard.width, storyboard.height, storyboard.fps) == (720, 1280, "30000/1001")
    assert all(scene.look == "silk" for scene in storyboard.scenes)
    assert all(scene.prompt.startswith("a lighthouse in rain") for scene in storyboard.scenes)
    assert all("watermark" in scene.negative_prompt for scene in storyboard.scenes)
    assert storyboard.seed == 5


@pytest.mark.parametrize("fps", ["9", "61", "0", "30/0"])
def test_a_frame_rate_out_of_range_is_refused(fps: str) -> None:
    with pytest.raises(Permanent) as caught:
        plan(song(30.0), JobOptions(fps=fps), 1)
    assert caught.value.code == "bad_options"


@given(st.floats(0.0, 1.0), st.integers(1, 400), rates)
def test_crossfades_are_even_and_fit(energy: float, shorter: int, fps_name: str) -> None:
    fps = parse_fps(fps_name)
    frames = crossfade_frames(energy, shorter, fps)
    assert frames % 2 == 0
    assert 3 * frames <= shorter
    assert frames <= 0.8 * fps + 1


def test_colours_are_written_as_six_hex_digits() -> None:
    for scene in example(9).scenes:
        for colour in msgspec.structs.astuple(scene.palette):
            assert re.fullmatch("#[0-9a-f]{6}", colour)
