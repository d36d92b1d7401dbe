"""`beatloom workflows` against doubles of ComfyUI servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.generator.comfyui.address import Address
from services.generator.comfyui.library import SELFTEST, SHIPPED, load_library
from services.generator.comfyui.selftest import selftest
from services.standalone.cli import main
from tests.fakes.comfyui.catalogue import bare
from tests.servers.comfyui import ComfyDouble

Servers = Callable[..., ComfyDouble]


def test_the_list_tells_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["workflows", "list"]) == 0
    told = capsys.readouterr().out
    for workflow in load_library():
        assert f"{workflow.name} " in told
    assert main(["workflows", "list", "wan22-i2v", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["workflows"]
    assert found["limits"]["max_frames"] == 81
    assert {model["licence"] for model in found["models"]} == {"Apache-2.0"}


def test_the_list_says_loudly_what_not_everybody_may_earn_money_with(capsys: pytest.CaptureFixture[str]) -> None:
    models = [model for workflow in load_library() for model in workflow.models]
    assert all(model.source and model.url for model in models)
    assert all(model.terms for model in models if not model.commercial)
    assert main(["workflows", "list"]) == 0
    assert "NOT FREE FOR ALL COMMERCIAL USE: ltx23-i2v, ltx23-ia2v\n  LTX-2 " in capsys.readouterr().out
    assert main(["workflows", "list", "wan22-i2v"]) == 0
    assert "NOT FREE" not in capsys.readouterr().out


def test_a_check_says_which_server_can_and_what_the_other_lacks(
    comfyui_servers: Servers, capsys: pytest.CaptureFixture[str]
) -> None:
    rich, poor = comfyui_servers(vram_bytes=48 << 30), comfyui_servers(models={}, without_nodes=["ImageBlend"])
    asked = ["workflows", "check", "sdxl", "canary", "--server", rich.url, "--server", poor.url]
    assert main(asked) == 0
    told = capsys.readouterr().out
    assert "ok       sdxl (full)" in told
    assert "missing  canary" in told
    assert "ImageBlend" in told
    assert "models/checkpoints/sd_xl_base_1.0.safetensors is missing.  6.9 GB  https://" in told

    assert main([*asked[:4], "--server", poor.url, "--json"]) == 1
    (server,) = json.loads(capsys.readouterr().out)["servers"]
    assert [ability["profile"] for ability in server["abilities"]] == [None, None]
    assert server["abilities"][0]["lacks"][0]["folder"] == "checkpoints"


def test_a_server_with_everything_can_do_everything(
    comfyui: ComfyDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    comfyui.set(vram_bytes=48 << 30)
    assert main(["workflows", "check", "--server", comfyui.url]) == 0
    assert "missing" not in capsys.readouterr().out


def test_a_saved_object_info_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "object_info.json"
    saved.write_text(json.dumps(bare()))
    assert main(["workflows", "check", "canary", "--object-info", str(saved)]) == 0
    assert main(["workflows", "check", "sdxl", "--object-info", str(saved)]) == 1
    saved.write_text("[]")
    assert main(["workflows", "check", "--object-info", str(saved)]) == 2
    assert main(["workflows", "check", "--object-info", str(tmp_path / "none.json")]) == 2
    assert "is no object_info" in capsys.readouterr().err


def test_what_can_not_be_done_is_told(comfyui: ComfyDouble, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["workflows", "check"]) == 2
    assert main(["workflows", "check", "--server", "host"]) == 2
    assert main(["workflows", "list", "nothing"]) == 2
    comfyui.stop()
    assert main(["workflows", "check", "--server", comfyui.url]) == 3
    assert "no_gpu_server" in capsys.readouterr().err


def test_graphs_of_ones_own_are_told_or_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.json").write_text(
        json.dumps(
            {
                "1": {
                    "class_type": "EmptyImage",
                    "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0},
                    "_meta": {"title": "BEATLOOM_WIDTH BEATLOOM_HEIGHT"},
                },
                "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
            }
        )
    )
    assert main(["workflows", "list", "--folder", str(tmp_path)]) == 0
    assert "\nmine " in capsys.readouterr().out
    (tmp_path / "editor.json").write_text('{"nodes": [], "links": []}')
    assert main(["workflows", "list", "--folder", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "refused  editor" in told
    assert "Export (API)" in told
    assert main(["workflows", "list", "--folder", str(tmp_path / "none")]) == 2


def test_servers_and_a_folder_come_from_the_settings(
    comfyui: ComfyDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.json").write_bytes((SHIPPED / "canary.json").read_bytes())
    monkeypatch.setenv("BEATLOOM_GENERATOR_WORKFLOWS", str(tmp_path))
    monkeypatch.setenv("BEATLOOM_GENERATOR_COMFYUI_URLS", f" {comfyui.url}, ")
    assert main(["workflows", "check", "mine"]) == 0
    assert "ok       mine (full)" in capsys.readouterr().out


def test_a_server_that_works_passes_its_self_test(comfyui: ComfyDouble, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["workflows", "check", "canary", "--selftest", "--server", comfyui.url]) == 0
    assert "ok       self-test in " in capsys.readouterr().out
    assert main(["workflows", "check", "canary", "--selftest", "--server", comfyui.url, "--json"]) == 0
    (server,) = json.loads(capsys.readouterr().out)["servers"]
    assert list(server["trial"]["seconds"]) == ["upload", "prompt", "download"]
    assert server["trial"]["events"]
    assert comfyui.state["history"] == []


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ({"version": "0.2.7"}, "self-test: ComfyUI is 0.2.7; the workflow needs"),
        ({"without_nodes": ["SaveVideo"]}, "self-test: The server has no node class SaveVideo"),
        ({"partial": True}, "self-test: prompt: "),
        ({"crash": "running"}, "self-test: prompt: "),
        ({"exec_error": "it burns"}, "it burns"),
        ({"bad_output": "short"}, "self-test: download: the clip has not 8 frames"),
        ({"bad_output": "garbage"}, "self-test: download: the clip can't be read"),
    ],
)
def test_a_server_that_does_not_work_fails_it_and_says_where(
    comfyui: ComfyDouble, capsys: pytest.CaptureFixture[str], switches: dict[str, Any], says: str
) -> None:
    comfyui.set(**switches)
    assert main(["workflows", "check", "canary", "--selftest", "--server", comfyui.url]) == 1
    assert says in capsys.readouterr().out


def test_a_server_without_a_websocket_passes_with_a_word(
    comfyui: ComfyDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    comfyui.set(socket="silent")
    assert main(["workflows", "check", "canary", "--selftest", "--server", comfyui.url]) == 0
    assert "Its websocket told nothing" in capsys.readouterr().out


async def test_a_self_test_that_takes_too_long_is_taken_back(comfyui: ComfyDouble) -> None:
    comfyui.set(node_s=1.0)
    trial = await selftest(Address(comfyui.url), load_library().get(SELFTEST), limit_s=0.3)
    assert "not made within 0.3 s" in trial.error
    await comfyui.until(lambda state: not state["running"] and not state["pending"])
