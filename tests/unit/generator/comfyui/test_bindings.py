"""Bindings in TOML and by titles, and values that are put there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from libs.contracts.errors import Permanent
from services.generator.comfyui.binding import Values, bind, read_binding, request_digest
from services.generator.comfyui.graph import Graph, graph_of
from services.generator.comfyui.library import SHIPPED, load_library
from services.generator.comfyui.titles import workflow_by_titles
from services.generator.comfyui.workflow import Workflow

TOML = """
title = "Test"
task = "animate"
prefix = { node = "9", class = "SaveVideo", input = "filename_prefix" }

[output]
node = "9"
class = "SaveVideo"
media = "video"
types = ["mp4"]

[parameters]
prompt = { node = "1", class = "Text", input = "text" }
seed = { node = "2", class = "Sampler", input = "seed" }
frames = { node = "2", class = "Sampler", input = "length" }
seconds = { node = "2", class = "Sampler", input = "duration" }
width = { node = "2", class = "Sampler", input = "width" }
height = { node = "2", class = "Sampler", input = "height" }
image = { node = "3", class = "LoadImage", input = "image" }

[optional.image]
drop = ["3"]

[limits]
fps = 16
max_frames = 81
frame_step = 4
frame_rest = 1

[profiles.full]
vram_gb = 24

[profiles.small]
vram_gb = 8
max_pixels = 65_536
set = [{ node = "4", class = "Loader", input = "ckpt_name", value = "small.safetensors" }]

[[models]]
file = "large.safetensors"
folder = "checkpoints"
gb = 20
licence = "Apache-2.0"

[[models]]
file = "small.safetensors"
folder = "checkpoints"
gb = 6
licence = "Apache-2.0"
"""


def node(class_type: str, title: str = "", **inputs: object) -> dict[str, object]:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}


LINKS: dict[str, Any] = {"text": ["1", 0], "image": ["3", 0], "model": ["4", 0]}


def graph(**changed: dict[str, object]) -> Graph:
    nodes = {
        "1": node("Text", text="a cat"),
        "2": node("Sampler", seed=1, length=81, duration=5.0, width=64, height=64, **LINKS),
        "3": node("LoadImage", image="a.png"),
        "4": node("Loader", ckpt_name="large.safetensors"),
        "9": node("SaveVideo", video=["2", 0], filename_prefix="x"),
    }
    return graph_of(nodes | {name.removeprefix("n"): entry for name, entry in changed.items()})


def workflow(text: str = TOML) -> Workflow:
    return read_binding("test", graph(), text)


def test_values_are_put_where_the_binding_says() -> None:
    values: Values = {"prompt": "a dog", "seed": 7, "frames": 41, "image": "b.png", "negative": "not taken"}
    bound = bind(workflow(), values, prefix="p/1", profile="small")

    assert bound["1"].inputs["text"] == "a dog"
    assert bound["2"].inputs["length"] == 41
    assert bound["2"].inputs["duration"] == pytest.approx(41 / 16, abs=1e-3)
    assert bound["3"].inputs["image"] == "b.png"
    assert bound["4"].inputs["ckpt_name"] == "small.safetensors"
    assert bound["9"].inputs["filename_prefix"] == "p/1"
    assert workflow().graph == graph()


def test_what_is_optional_leaves_no_trace() -> None:
    bound = bind(workflow(), {"prompt": "a dog", "seed": 7}, prefix="p")
    assert "3" not in bound
    assert "image" not in bound["2"].inputs


def test_an_attempt_has_its_own_files_and_the_same_digest() -> None:
    values: Values = {"prompt": "a dog", "seed": 7}
    assert bind(workflow(), values, prefix="p/1") != bind(workflow(), values, prefix="p/2")
    assert request_digest(workflow(), values) == request_digest(workflow(), values)
    assert request_digest(workflow(), values) != request_digest(workflow(), values, profile="small")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"seed": 1}, "prompt is missing"),
        ({"prompt": "a"}, "seed is missing"),
        ({"prompt": "a", "seed": -1}, "seed"),
        ({"prompt": "a", "seed": 2**60}, "seed"),
        ({"prompt": 5, "seed": 1}, "prompt"),
        ({"prompt": "a", "seed": True}, "seed"),
        ({"prompt": "a", "seed": 1, "frames": 40}, "40 frames"),
        ({"prompt": "a", "seed": 1, "frames": 85}, "85 frames"),
        ({"prompt": "a", "seed": 1, "colour": 5}, "colour"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: dict[str, str | int | float], reason: str) -> None:
    with pytest.raises(Permanent, match=reason) as caught:
        bind(workflow(), values, prefix="p")
    assert caught.value.code == "workflow_value"


def test_a_profile_has_limits_of_its_own() -> None:
    values: Values = {"prompt": "a", "seed": 1, "width": 512, "height": 256}
    assert bind(workflow(), values, prefix="p")
    with pytest.raises(Permanent, match="512x256 pixels"):
        bind(workflow(), values, prefix="p", profile="small")
    with pytest.raises(Permanent, match="no profile"):
        bind(workflow(), values, prefix="p", profile="huge")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("title =", "titel =", "titel"),
        ('title = "Test"', "title = ", "can't be read"),
        ('task = "animate"', 'task = "dance"', "dance"),
        ("prompt = {", "poem = {", "poem"),
        ('class = "Text"', 'class = "Other"', "not a Other"),
        ('input = "text"', 'input = "words"', "no input words"),
        ('node = "1"', 'node = "77"', "no node 77"),
        ('input = "length"', 'input = "text"', "linked to node 1"),
        ('seed = { node = "2", class = "Sampler", input = "seed" }', "", "is a seed"),
        ('[output]\nnode = "9"', '[output]\nnode = "1"', "output node"),
        ('drop = ["3"]', 'drop = ["33"]', "33"),
        ("[optional.image]", "[optional.audio]", "audio"),
        ("[profiles.full]", "[profiles.large]", "no profile full"),
        ('file = "large.safetensors"', 'file = "other.safetensors"', "large.safetensors"),
        ("gb = 20", "gb = 0", "gb"),
        ("max_frames = 81", "max_frames = 0", "max_frames"),
    ],
)
def test_a_binding_that_does_not_fit_is_refused(old: str, new: str, reason: str) -> None:
    assert old in TOML
    with pytest.raises(Permanent, match=reason) as caught:
        workflow(TOML.replace(old, new, 1))
    assert caught.value.code == "workflow_invalid"


def test_a_graph_of_ones_own_is_bound_by_titles() -> None:
    own = graph(
        n1=node("Text", "BEATLOOM_PROMPT", text="a cat"),
        n2=node("Sampler", "BEATLOOM_FRAMES, BEATLOOM_SEED", seed=1, length=81, steps=20),
        n3=node("LoadImage", "my picture BEATLOOM_IMAGE", image="a.png"),
        n5=node("Noise", "noise", noise_seed=3),
    )
    found = workflow_by_titles("mine", own)

    assert found.task == "animate"
    assert found.needed == {"prompt", "image"}
    assert found.output.node == "9"
    assert found.continue_with == "mine"
    bound = bind(found, {"prompt": "a dog", "seed": 7, "frames": 33, "image": "b.png"}, prefix="p")
    assert bound["1"].inputs["text"] == "a dog"
    assert bound["2"].inputs == {"seed": 7, "length": 33, "steps": 20}
    assert bound["5"].inputs["noise_seed"] == 7, "every seed is set"
    assert bound["9"].inputs["filename_prefix"] == "p"


def test_the_rate_is_read_from_a_graph_that_does_not_take_one() -> None:
    frames = node("Sampler", "BEATLOOM_FRAMES", length=81)
    assert workflow_by_titles("mine", graph(n2=frames)).limits.fps is None
    found = workflow_by_titles("mine", graph(n2=frames, n8=node("CreateVideo", fps=16.0)))
    assert found.limits.fps == 16
    assert found.limits.allows(81) and not found.limits.allows(80)
    two = {"n7": node("CreateVideo", fps=24), "n8": node("CreateVideo", fps=16)}
    with pytest.raises(Permanent, match="16 and 24"):
        workflow_by_titles("mine", graph(n2=frames, **two))
    two["n7"] = node("CreateVideo", "BEATLOOM_FPS", fps=24)
    assert workflow_by_titles("mine", graph(n2=frames, **two)).limits.fps is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"n1": node("Text", "BEATLOOM_PROMPT", text_g="a", text_l="b")}, "none of the inputs"),
        ({"n1": node("Text", "BEATLOOM_PROMPT", text="a", prompt="b")}, "text or prompt"),
        ({"n1": node("Text", "BEATLOOM_PROMPT", text=["4", 0])}, "is linked"),
        ({"n1": node("Text", "BEATLOOM_PROMPT", text=5)}, "value that fits"),
        ({"n1": node("Text", "BEATLOOM_POEM", text="a")}, "BEATLOOM_POEM"),
        ({"n1": node("A", "BEATLOOM_IMAGE", image="a"), "n3": node("A", "BEATLOOM_IMAGE", image="a")}, "both"),
        ({"n8": node("SaveImage", filename_prefix="x")}, "all save files"),
        ({"n9": node("Preview", images=["2", 0])}, "No node"),
        ({"n1": node("Text", "BEATLOOM_OUTPUT", text="a")}, "no filename_prefix"),
    ],
)
def test_whatever_can_be_read_in_two_ways_is_refused(changed: dict[str, dict[str, object]], reason: str) -> None:
    with pytest.raises(Permanent, match=reason) as caught:
        workflow_by_titles("mine", graph(**changed))
    assert caught.value.code == "workflow_invalid"


def test_the_output_is_the_one_that_is_titled() -> None:
    own = graph(n8=node("SaveAudioMP3", "BEATLOOM_OUTPUT", filename_prefix="x"))
    found = workflow_by_titles("mine", own)
    assert (found.output.node, found.output.media, found.task) == ("8", "audio", "music")
    assert {target.node for target in found.prefix} == {"8", "9"}


def test_a_folder_of_ones_own_stands_beside_ours(tmp_path: Path) -> None:
    ours = load_library()
    (tmp_path / "sdxl.json").write_bytes((SHIPPED / "z-image-turbo.json").read_bytes())
    (tmp_path / "editor.json").write_text('{"nodes": []}')
    library = load_library(tmp_path)

    assert library.get("sdxl").about == "A graph of your own."
    assert library.get("wan22-i2v") == ours.get("wan22-i2v")
    with pytest.raises(Permanent, match="editor"):
        library.get("editor")
    with pytest.raises(Permanent) as caught:
        library.get("nothing")
    assert caught.value.code == "workflow_unknown"
    assert "wan22-i2v" in caught.value.hint
