"""`beatloom render --backend comfyui`: a whole video from ComfyUI servers, whatever becomes of them meanwhile."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from libs.contracts.report import Report
from libs.contracts.tasks import Takes
from tests.e2e.home import Home
from tests.ports import free_port
from tests.servers.comfyui import ComfyDouble, MakeDouble, accepted
from tests.songs import Song, make_song
from tests.waiting import wait_until

SMALL = ("--height", "180", "--fps", "24", "--seed", "5", "--workflow")
STILLS = 2
"""Of the song: it is one part, with a calm place and a loud one."""


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    return make_song(tmp_path_factory.mktemp("song"), seconds=6)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def report_of(home: Home, done: subprocess.CompletedProcess[str]) -> Report:
    """Of a whole video."""
    assert done.returncode == 0, done.stderr
    (path,) = home.cwd.glob("*.report.json")
    found = msgspec.json.decode(path.read_bytes(), type=Report)
    assert found.problems == () and found.frames == found.planned_frames
    return found


def takes_of(report: Report) -> tuple[Takes, ...]:
    return next(stage.takes for stage in report.stages if stage.stage == "generating")


def test_a_server_makes_all_scenes_of_pictures_that_it_made_first(
    home: Home, song: Song, comfyui: ComfyDouble
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    words = (*SMALL, "wan22-i2v", "--backend", "comfyui", "--comfyui-url", f"{comfyui.url},{dead}")
    done = home.run("render", song.path, *words, BEATLOOM_GPU_PRICES="*=3600")
    report = report_of(home, done)
    (spent,) = [stage for stage in report.stages if stage.stage == "generating"]
    assert spent.cost == pytest.approx(spent.gpu_seconds, abs=0.001), "a GPU second costs 1"
    assert spent.cost > 0
    (takes,) = takes_of(report)
    ids = ("s001", *(cut.scene_id for cut in report.cuts))
    assert takes == Takes(backend="comfyui", workflow="wan22-i2v", scenes=len(ids), scene_ids=ids)
    assert accepted(comfyui) == takes.scenes + STILLS
    stills = list((comfyui.folder / "input").glob("beatloom-*"))
    assert len(stills) == STILLS, "each is sent to the server once"
    assert f"\nscenes: {takes.scenes} by comfyui (wan22-i2v); " in done.stdout
    assert f"warning: {dead.removeprefix('http://')} takes no connection: " in done.stdout


def runs_next(doubles: Sequence[ComfyDouble], process: subprocess.Popen[str]) -> ComfyDouble:
    """The first of them in which a prompt runs."""
    found: list[ComfyDouble] = []

    def runs() -> bool:
        assert process.poll() is None, process.communicate()
        found.extend(double for double in doubles if double.state["running"])
        return bool(found)

    wait_until(runs, seconds=90, what="a prompt that runs")
    return found[0]


@pytest.mark.parametrize("for_good", [False, pytest.param(True, marks=pytest.mark.matrix)])
def test_killed_servers_only_cost_time(home: Home, song: Song, comfyui_servers: MakeDouble, for_good: bool) -> None:
    doubles = [comfyui_servers(step_s=0.1) for _ in range(3)]
    urls = ",".join(double.url for double in doubles)
    with home.start("render", song.path, *SMALL, "wan22-5b", "--comfyui-url", urls) as process:
        try:
            killed = runs_next(doubles, process)
            killed.stop()
            others = [double for double in doubles if double is not killed]
            runs_next(others, process).restart(down_s=0.5)
            if not for_good:
                killed.start()
            out, err = process.communicate(timeout=240)
        finally:
            process.kill()
    report = report_of(home, subprocess.CompletedProcess("", process.returncode, out, err))
    (takes,) = takes_of(report)
    assert (takes.backend, takes.fallback, takes.scenes) == ("comfyui", False, len(report.cuts) + 1)
    wasted = 2 * 2
    """One ran on each of the two that died, and one was queued ahead."""
    assert accepted(*doubles) <= takes.scenes + STILLS + wasted


@pytest.mark.matrix
def test_what_the_servers_can_not_make_is_drawn_and_told(home: Home, comfyui: ComfyDouble) -> None:
    song = make_song(home.cwd, seconds=26)
    for _ in range(STILLS + 3):
        comfyui.next_prompt(exec_error="")
    comfyui.set(exec_error="a node of glass")
    done = home.run("render", song.path, *SMALL, "wan22-5b", "--comfyui-url", comfyui.url)
    report = report_of(home, done)
    drawn, made = sorted(takes_of(report), key=lambda takes: takes.workflow)
    assert (made.workflow, made.fallback, drawn.backend, drawn.fallback) == ("wan22-5b", False, "builtin", True)
    ids = {"s001", *(cut.scene_id for cut in report.cuts)}
    assert {*made.scene_ids, *drawn.scene_ids} == ids
    for told in (f"{made.scenes} by comfyui (wan22-5b)", f"{drawn.scenes} by builtin (fallback)"):
        assert told in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--comfyui-url", "gpu1:8188"], "bad_options", "gpu1:8188"),
        (["--backend", "comfyui"], "bad_options", "No ComfyUI server is named"),
        (["--backend", "builtin", "--comfyui-url", "http://gpu1:8188"], "bad_options", "--comfyui-url"),
        (["--comfyui-url", "{dead}", "--workflow", "wan23"], "workflow_unknown", "wan23"),
        (["--comfyui-url", "{dead}"], "no_gpu_server", "{dead}"),
        (["--comfyui-url", "{double}"], "workflow_missing_model", ".safetensors"),
    ],
)
def test_what_cannot_work_is_told_before_anything_starts(
    home: Home, song: Song, comfyui: ComfyDouble, words: list[str], code: str, says: str
) -> None:
    comfyui.set(models={})
    places = {"dead": f"http://127.0.0.1:{free_port()}", "double": comfyui.url}
    done = home.run("render", song.path, "--json", *(word.format(**places) for word in words))
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (3 if code.startswith(("no_", "workflow_m")) else 2, code)
    assert says.format(**places).removeprefix("http://") in error["message"]
    assert list(home.cwd.iterdir()) == []
