"""Graphs and bindings that people get wrong: refused with the reason, and with what to do."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.errors import Permanent
from services.generator.comfyui import library
from services.generator.comfyui.binding import bind, read_binding
from services.generator.comfyui.graph import LARGEST, graph_of, read_graph
from services.generator.comfyui.library import load_library
from services.generator.comfyui.titles import workflow_by_titles
from services.generator.comfyui.workflow import Workflow
from tests.unit.generator.comfyui.test_bindings import TOML, graph, node


def refused(text: bytes | str) -> Permanent:
    """Why this is no graph."""
    with pytest.raises(Permanent) as caught:
        read_graph(text)
    assert caught.value.code == "workflow_invalid"
    return caught.value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "not JSON"),
        ('{"1":' * 50_000, "not JSON"),
        ('{"1": {"class_type": "A", "inputs": {"a": NaN}}}', "not JSON"),
        ('{"1": {"class_type": "A", "inputs": {"a": "\\ud800"}}}', "not JSON"),
        ("\ud800", "not JSON"),
        (b" " * (LARGEST + 1), "at most 10 MB"),
        ('{"1": {"class_type": "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "inputs": {}}}', "subgraph"),
        ('{"prompt": {"1": {"class_type": "A"}}, "client_id": "x"}', "Node prompt has no class_type"),
        ('{"nodes": [], "links": [], "definitions": {"subgraphs": []}}', "editor"),
        ('{"1": {"class_type": {"a": 1}}}', "no class_type"),
    ],
)
def test_what_is_no_graph_says_so(text: str | bytes, reason: str) -> None:
    began = time.monotonic()
    error = refused(text)
    assert reason in error.message
    assert len(error.message) < 300
    assert "Export" in error.hint or "at most" in error.message
    assert time.monotonic() - began < 2.0


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_graph(b'\xef\xbb\xbf{"1": {"class_type": "A"}}')["1"].class_type == "A"


@pytest.mark.parametrize(
    ("changed", "reason", "hint"),
    [
        ({"n3": node("A", "BEATLOOM_PROMT", text="a")}, "BEATLOOM_PROMT", "Did you mean BEATLOOM_PROMPT?"),
        ({"n3": node("A", "beatloom_sed", seed=1)}, "beatloom_sed", "Did you mean BEATLOOM_SEED?"),
        ({"n3": node("A", "BEATLOOM_" + "X" * 10_000, seed=1)}, "BEATLOOM_XX", "Known titles"),
        ({"n2": node("A", text=["77", 0])}, "linked to node 77, which is not there", "Export"),
        ({"n1": node("A", a=["2", 0]), "n2": node("A", a=["1", 0])}, "circle", ""),
        ({"n2": node("A", seed=["5", 0]), "n5": node("PrimitiveInt", value=7)}, "node 5", "BEATLOOM_SEED"),
        ({"n2": node("A", seed=["1", 0])}, "linked to node 1", "BEATLOOM_SEED"),
        ({"n9": node("SaveAnimatedWEBP", images=["2", 0], filename_prefix="x")}, "animated", "Save Video"),
        ({"n9": node("VHS_VideoCombine", format="image/gif", filename_prefix="x")}, "animated", "h264"),
        ({"n3": node("A", "BEATLOOM_PROMPT BEATLOOM_NEGATIVE", text="a")}, "both", ""),
        ({"n3": node("A", "BEATLOOM_WIDTH BEATLOOM_HEIGHT", value=64)}, "both", ""),
    ],
)
def test_a_title_or_a_link_that_is_wrong_is_told(
    changed: dict[str, dict[str, object]], reason: str, hint: str
) -> None:
    with pytest.raises(Permanent) as caught:
        workflow_by_titles("mine", graph(**changed))
    assert reason in caught.value.message
    assert hint in caught.value.hint
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "title", ["beatloom_prompt", "(Beatloom_Prompt)", "BEATLOOM-PROMPT", "p: BEATLOOM_PROMPT!"]
)
def test_a_title_may_be_written_in_any_way_that_is_clear(title: str) -> None:
    found = workflow_by_titles("mine", graph(n1=node("Text", title, text="a")))
    assert found.needed == {"prompt"}
    assert workflow_by_titles("mine", graph(n1=node("Text", "the logo of Beatloom", text="a"))).needed == set()


def test_a_seed_that_is_computed_follows_the_one_that_is_titled() -> None:
    nodes = {
        "n2": node("Sampler", noise_seed=["6", 0]),
        "n5": node("PrimitiveInt", "beatloom_seed", value=7),
        "n6": node("Math", a=["5", 0], b=1),
    }
    bound = bind(workflow_by_titles("mine", graph(**nodes)), {"seed": 9}, prefix="p")
    assert bound["5"].inputs["value"] == 9


def test_a_long_chain_and_many_nodes_are_no_trouble() -> None:
    chain: dict[str, Any] = {str(number): node("A", a=[str(number + 1), 0]) for number in range(20_000)}
    chain["20000"] = node("SaveVideo", "BEATLOOM_OUTPUT", filename_prefix="x")
    began = time.monotonic()
    assert workflow_by_titles("mine", graph_of(chain)).output.node == "20000"
    assert time.monotonic() - began < 5.0


def bound_by(old: str, new: str) -> Workflow:
    """The workflow of a binding with something else in it."""
    assert old in TOML
    return read_binding("test", graph(), TOML.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("title =", "[[" * 5000, "can't be read"),
        ("title =", "a = " + "[" * 5000 + "\n#", "can't be read"),
        ("fps = 16", "fps = nan", "fps"),
        ("fps = 16", "fps = inf", "fps"),
        ("fps = 16", "fps = 0.001", "fps"),
        ("fps = 16", "fps = -16", "fps"),
        ("max_frames = 81", f"max_frames = {10**30}", "can't be read"),
        ("max_frames = 81", "max_frames = 81\nmin_frames = 90", "no number of frames from 90 to 81"),
        ("max_frames = 81", "max_frames = 81\nmin_frames = 79\nmax_side = 32", "no side from 64 to 32"),
        ("max_frames = 81", "max_frames = 81\nsize_multiple = 10_000", "is a multiple of 10000"),
        ("max_frames = 81", "max_frames = 81\nmax_seconds = nan", "max_seconds"),
        ("max_pixels = 65_536", "max_pixels = -5", "max_pixels"),
        ("max_pixels = 65_536", "max_pixels = 100", "least size"),
        ("vram_gb = 24", "vram_gb = nan", "vram_gb"),
        ("vram_gb = 24", "vram_gb = inf", "vram_gb"),
        ("gb = 20", "gb = nan", "gb"),
        ('value = "small.safetensors"', "value = nan", "no number"),
        ('types = ["mp4"]', "types = []", "types"),
        ('types = ["mp4"]', 'types = [".MP4"]', "types"),
        ('input = "seed"', 'input = "width"', "both seed and width"),
        ('class = "Text", input = "text"', 'class = "Text", input = "text", inputt = 1', "inputt"),
        (
            'node = "1", class = "Text", input = "text"',
            'node = "2", class = "Sampler", input = "length"',
            "is a text",
        ),
        (
            'node = "2", class = "Sampler", input = "width"',
            'node = "1", class = "Text", input = "text"',
            "is a int",
        ),
        ('drop = ["3"]', 'drop = ["9"]', "would go, too"),
        ('task = "animate"', 'task = "animate"\nmin_comfyui = "latest"', "min_comfyui"),
    ],
)
def test_a_binding_that_can_not_be_meant_is_refused(old: str, new: str, reason: str) -> None:
    with pytest.raises(Permanent) as caught:
        bound_by(old, new)
    assert caught.value.code == "workflow_invalid"
    assert reason in caught.value.message


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_never_reaches_a_server(seconds: float) -> None:
    workflow = read_binding("test", graph(), TOML)
    with pytest.raises(Permanent, match="seconds"):
        bind(workflow, {"prompt": "a", "seed": 1, "seconds": seconds}, prefix="p")


def test_one_bad_file_costs_no_other_workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "LARGEST", 1_000_000)
    good = {"9": node("SaveImage", filename_prefix="x"), "1": node("Text", "BEATLOOM_PROMPT", text="a")}
    for name in ("good", "latin", "large", "no-such-continuation", "wan22-i2v"):
        (tmp_path / f"{name}.json").write_text(json.dumps(good))
    (tmp_path / "wan22-i2v.json").write_text("{")
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    (tmp_path / "large.toml").write_bytes(b"#" * 2_000_000)
    (tmp_path / "no-such-continuation.toml").write_text(
        'title = "a"\ntask = "imagine"\ncontinue_with = "nothing"\n'
        'prefix = { node = "9", class = "SaveImage", input = "filename_prefix" }\n'
        '[output]\nnode = "9"\nclass = "SaveImage"\nmedia = "image"\ntypes = ["png"]\n[parameters]\n'
    )
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "endless.json").symlink_to("/dev/zero")
    (tmp_path / "dangling.json").symlink_to("nowhere")
    found = load_library(tmp_path)

    assert "good" in found.workflows
    assert "sdxl" in found.workflows
    bad = {"latin", "large", "no-such-continuation", "wan22-i2v", "pipe", "folder", "endless", "dangling"}
    assert bad <= found.refused.keys()
    assert not bad & found.workflows.keys()
    for name in found.workflows:
        follower = found.workflows[name].continue_with
        assert not follower or follower in found.workflows
