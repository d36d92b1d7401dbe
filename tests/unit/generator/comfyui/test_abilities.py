"""What a server would refuse, and what it lacks."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generator.comfyui.ability import ServerFacts, best_profile, can, missing_model
from services.generator.comfyui.graph import Place, graph_of, set_input
from services.generator.comfyui.library import load_library
from services.generator.comfyui.nodes import AUTOGROW, DYNAMIC
from services.generator.comfyui.validate import flaws
from tests.fakes.comfyui.catalogue import bare, known_models, object_info
from tests.unit.generator.comfyui.captures import captured

FEW = settings(deadline=None, max_examples=100, derandomize=True)
NAMES = st.sampled_from(
    ["a", "required", "optional", "options", "template", "input", "key", "inputs", "min", "max", "names"]
)
GRAPH = graph_of(
    {
        "1": {"class_type": "LoadImage", "inputs": {"image": "probe.png"}},
        "2": {"class_type": "EmptyImage", "inputs": {"width": 256, "height": 144, "batch_size": 1, "color": 5}},
        "3": {
            "class_type": "ImageScale",
            "inputs": {
                "image": ["1", 0],
                "upscale_method": "lanczos",
                "width": 256,
                "height": 144,
                "crop": "center",
            },
        },
        "4": {
            "class_type": "ImageBlend",
            "inputs": {"image1": ["2", 0], "image2": ["3", 0], "blend_factor": 0.5, "blend_mode": "normal"},
        },
        "9": {"class_type": "SaveImage", "inputs": {"images": ["4", 0], "filename_prefix": "x"}},
    }
)


def everything() -> dict[str, Any]:
    return object_info(known_models(), [], [])


def test_a_good_graph_has_no_flaws() -> None:
    assert flaws(GRAPH, bare()) == []


@pytest.mark.parametrize(
    ("place", "value", "kind"),
    [
        (Place("4", "blend_mode"), "nope", "choice"),
        (Place("4", "blend_factor"), 5, "range"),
        (Place("2", "width"), 0, "range"),
        (Place("2", "width"), "wide", "type"),
        (Place("4", "image1"), ["77", 0], "link"),
        (Place("4", "image1"), ["1", 1], "link"),
        (Place("4", "image1"), ["1", 2], "link"),
        (Place("4", "image1"), "a.png", "type"),
        (Place("3", "image"), ["4", 0], "link"),
        (Place("1", "image"), 5, "type"),
    ],
)
def test_what_a_real_server_refused_is_a_flaw(place: Place, value: object, kind: str) -> None:
    graph = set_input(GRAPH, place, GRAPH[place.node].class_type, value)
    assert kind in {flaw.kind for flaw in flaws(graph, bare())}


def test_the_verdicts_are_those_of_a_real_server() -> None:
    judged = 0
    for name, case in captured("prompt_responses").items():
        sent, answer = case["request"].get("json"), case["json"]
        graph = sent.get("prompt") if isinstance(sent, dict) else None
        if not graph or case["status"] == 500 or name in ("no_class_type", "missing_input_file"):
            continue
        found = {flaw.node for flaw in flaws(graph_of(graph), bare())} - {""}
        named = set(answer.get("node_errors") or {})
        if answer.get("error") and answer["error"]["type"] == "missing_node_type":
            named = {answer["error"]["extra_info"]["node_id"]}
        assert found <= named and bool(found) == bool(named), name
        judged += 1
    assert judged > 15


def test_missing_inputs_unknown_classes_and_graphs_that_save_nothing_are_flaws() -> None:
    inputs = {key: value for key, value in GRAPH["4"].inputs.items() if key != "blend_mode"}
    lacking = {**GRAPH, "4": type(GRAPH["4"])("ImageBlend", inputs)}
    assert [(flaw.kind, flaw.input) for flaw in flaws(lacking, bare())] == [("input", "blend_mode")]
    unknown = {**GRAPH, "4": type(GRAPH["4"])("NoSuchNode", GRAPH["4"].inputs)}
    assert [(flaw.kind, flaw.class_type) for flaw in flaws(unknown, bare())] == [("class", "NoSuchNode")]
    assert [flaw.kind for flaw in flaws({"2": GRAPH["2"]}, bare())] == ["output"]


def test_the_older_form_of_an_input_is_taken() -> None:
    clip: dict[str, Any] = {"video": ["2", 0], "filename_prefix": "x", "format": "mp4"}
    nodes: dict[str, Any] = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 2, "color": 0}},
        "2": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 24}},
        "3": {"class_type": "SaveVideo", "inputs": clip},
    }
    assert [flaw.input for flaw in flaws(graph_of(nodes), bare())] == ["format.codec"]
    clip["codec"] = "h264"
    assert flaws(graph_of(nodes), bare()) == []


def test_values_that_a_server_converts_are_no_lack() -> None:
    for value in ("256", 256.0):
        graph = set_input(GRAPH, Place("2", "width"), "EmptyImage", value)
        assert [flaw.kind for flaw in flaws(graph, bare())] == ["loose"]
    for bad in ("2.5", float("inf"), None, {"a": 1}):
        graph = set_input(GRAPH, Place("2", "width"), "EmptyImage", bad)
        assert [flaw.kind for flaw in flaws(graph, bare())] == ["type"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["COMBO", "INT", DYNAMIC, AUTOGROW]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@FEW
@given(spec=JSON, inputs=st.dictionaries(NAMES, JSON, max_size=3), value=JSON)
def test_nothing_that_custom_nodes_say_of_themselves_breaks_it(spec: Any, inputs: Any, value: Any) -> None:
    graph = graph_of({"1": {"class_type": "Odd", "inputs": {"a": value}}})
    for entry in (
        spec,
        {"input": inputs, "output_node": True},
        {"input": {"required": inputs}, "output_node": True},
    ):
        assert isinstance(flaws(graph, {"Odd": entry}), list)
    odd = {"input": {"required": {"a": spec}}, "output": spec, "output_node": True}
    assert isinstance(flaws(graph, {"Odd": odd}), list)


def nested(depth: int) -> list[Any]:
    """An input that depends on itself, on itself, and so on; no value is what chooses."""
    spec: list[Any] = ["INT", {}]
    for _ in range(depth):
        spec = [DYNAMIC, {"options": [{"key": "None", "inputs": {"required": {"a": spec}}}]}]
    return spec


@pytest.mark.parametrize(
    "spec",
    [
        nested(400),
        [AUTOGROW, {"template": {"input": {"required": {"a": ["INT"]}}, "min": 10**12, "max": 10**12}}],
        [AUTOGROW, {"template": {"input": {"required": {"a": ["INT"]}}, "min": 10**400, "max": 1e300}}],
        [AUTOGROW, {"template": {"input": {"required": {"a": nested(400)}}, "min": 1, "names": ["a"] * 10**6}}],
        [AUTOGROW, {"template": {"input": [], "min": "x", "max": [], "names": 5}}],
        [[f"{number}.safetensors" for number in range(100_000)]],
        ["COMBO", {"options": [f"{number}.safetensors" for number in range(100_000)]}],
        ["COMBO", {"options": {"a": 1}}],
        ["INT", {"min": 10**400, "max": -(10**400)}],
        ["INT", {"min": "low", "max": None}],
    ],
    ids=range(10),
)
def test_a_class_without_end_is_judged_in_time(spec: list[Any]) -> None:
    entry = {"input": {"required": {"a": spec}}, "output": ["X"] * 10, "output_node": True}
    nodes = {str(number): {"class_type": "Odd", "inputs": {"a": "9.safetensors"}} for number in range(20)}
    began = time.monotonic()
    assert len(flaws(graph_of(nodes), {"Odd": entry})) < 50_000
    assert time.monotonic() - began < 2.0


def test_a_long_line_of_nodes_without_a_type_of_their_own_is_followed() -> None:
    match = {"template": {"template_id": "t", "allowed_types": "*"}}
    info = {
        "Route": {
            "input": {"required": {"a": ["COMFY_MATCHTYPE_V3", match]}},
            "output": ["*"],
            "output_matchtypes": ["t"],
        },
        "Text": {"output": ["STRING"]},
        "Save": {"input": {"required": {"a": ["IMAGE"]}}, "output_node": True},
    }
    line: dict[str, Any] = {
        str(number): {"class_type": "Route", "inputs": {"a": [str(number + 1), 0]}} for number in range(3000)
    }
    line["3000"] = {"class_type": "Text", "inputs": {}}
    line["save"] = {"class_type": "Save", "inputs": {"a": ["0", 0]}}
    first = dict([line.popitem()])
    found = flaws(graph_of(first | line), info)
    assert "its link gives STRING" in found[0].message


def test_a_choice_of_several_is_held_against_the_list() -> None:
    info = {
        "Many": {
            "input": {"required": {"a": ["COMBO", {"options": ["x", "y"], "multiselect": True}]}},
            "output_node": True,
        }
    }
    for value, kinds in ((["x", "y"], []), (["x"], []), (["x", "z", "y"], ["choice"]), ("x", [])):
        graph = graph_of({"1": {"class_type": "Many", "inputs": {"a": value}}})
        assert [flaw.kind for flaw in flaws(graph, info)] == kinds


def test_a_node_that_no_output_needs_is_not_looked_at() -> None:
    assert flaws({**GRAPH, "5": type(GRAPH["4"])("ImageScale", {})}, bare()) == []


def test_inputs_that_come_with_a_choice_are_known() -> None:
    nodes: dict[str, Any] = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
        "2": {
            "class_type": "ResizeImageMaskNode",
            "inputs": {"input": ["1", 0], "resize_type": "scale by multiplier", "scale_method": "area"},
        },
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "x"}},
    }
    assert [flaw.input for flaw in flaws(graph_of(nodes), bare())] == ["resize_type.multiplier"]
    nodes["2"]["inputs"]["resize_type.multiplier"] = 2.0
    assert flaws(graph_of(nodes), bare()) == []
    masked = copy.deepcopy(nodes)
    masked["2"]["inputs"]["input"] = ["1", 1]
    assert [flaw.kind for flaw in flaws(graph_of(masked), bare())] == ["link"], "a mask stays a mask"


@pytest.mark.parametrize("workflow", list(load_library()), ids=lambda workflow: str(workflow.name))
def test_a_server_with_all_files_can_and_a_bare_one_names_what_it_lacks(workflow: Any) -> None:
    rich = ServerFacts(object_info=everything(), version="0.33.0", vram=48 * 10**9)
    poor = ServerFacts(object_info=bare(), version="0.33.0", vram=48 * 10**9)
    assert can(workflow, rich) == ()
    assert best_profile(workflow, rich) == "full"
    lacks = can(workflow, poor)
    assert {lack.what: (lack.folder, lack.url) for lack in lacks} == {
        model.file: (model.folder, model.url) for model in workflow.models_of("full")
    }


def test_a_small_gpu_gets_the_small_profile_and_an_old_server_is_told() -> None:
    workflow = load_library().get("wan22-i2v")
    small = ServerFacts(object_info=everything(), version="0.33.0", vram=17 * 10**9)
    tiny = ServerFacts(object_info=everything(), version="0.33.0", vram=6 * 10**9)
    old = ServerFacts(object_info=everything(), version="v0.3.9")
    odd = ServerFacts(object_info=everything(), version="nightly")
    assert best_profile(workflow, small) == "small"
    assert best_profile(workflow, tiny) is None
    assert [lack.kind for lack in can(workflow, tiny)] == ["memory"]
    assert [lack.kind for lack in can(workflow, old)] == ["version"]
    assert can(workflow, odd) == ()


def test_the_error_names_the_file_and_where_it_belongs() -> None:
    workflow = load_library().get("sdxl")
    error = missing_model(workflow, can(workflow, ServerFacts(object_info=bare())))
    assert error.code == "workflow_missing_model"
    assert "models/checkpoints/sd_xl_base_1.0.safetensors" in error.message
    lacking = {name: info for name, info in everything().items() if name != "KSampler"}
    error = missing_model(workflow, can(workflow, ServerFacts(object_info=lacking)))
    assert error.code == "workflow_unsupported"
    assert "KSampler" in error.message
