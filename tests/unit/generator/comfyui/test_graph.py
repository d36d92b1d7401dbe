"""Graphs as values: reading, links, inputs, leaving nodes out, digests."""

from __future__ import annotations

import json

import pytest

from libs.contracts.errors import Permanent
from services.generator.comfyui.graph import (
    Link,
    Place,
    digest,
    document_of,
    graph_of,
    link_of,
    links,
    model_files,
    model_set,
    places_of_seeds,
    read_graph,
    set_input,
    without,
)

DOCUMENT = {
    "1": {"class_type": "Loader", "inputs": {"ckpt_name": "a.safetensors"}, "_meta": {"title": "Model"}},
    "2": {"class_type": "Refer", "inputs": {"to": ["1", 0], "picture": ["5", 0]}},
    "3": {"class_type": "Refer", "inputs": {"to": ["2", 0], "picture": ["5", 0]}},
    "4": {
        "class_type": "Sampler",
        "inputs": {"seed": 5, "noise_seed": ["1", 2], "guide": ["3", 1], "sigmas": [1, 2]},
    },
    "5": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
}
GRAPH = graph_of(DOCUMENT)


def test_a_graph_is_read_and_written() -> None:
    graph = read_graph(json.dumps(DOCUMENT))
    assert graph["1"].title == "Model"
    assert document_of(graph)["4"]["inputs"] == DOCUMENT["4"]["inputs"]
    assert graph_of(document_of(graph)) == graph


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ("[]", "not an object"),
        ("{}", "no nodes"),
        ('{"nodes": [], "links": []}', "editor"),
        ('{"1": 5}', "Node 1 is not an object"),
        ('{"1": {"inputs": {}}}', "no class_type"),
        ('{"1": {"class_type": "A", "inputs": []}}', "inputs of node 1"),
    ],
)
def test_what_is_no_graph_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(Permanent, match=reason) as caught:
        read_graph(text)
    assert caught.value.code == "workflow_invalid"
    if reason == "editor":
        assert "Export (API)" in caught.value.hint


def test_links_are_told_from_values() -> None:
    assert link_of(["12", 0]) == Link("12", 0)
    for value in (["12", True], ["12", "0"], [1, 2], ["12"], "12", None):
        assert link_of(value) is None
    assert (Place("4", "guide"), Link("3", 1)) in set(links(GRAPH))


def test_an_input_is_set_in_a_copy() -> None:
    changed = set_input(GRAPH, Place("4", "seed"), "Sampler", 6)
    assert changed["4"].inputs["seed"] == 6
    assert GRAPH["4"].inputs["seed"] == 5
    for place, class_type in (
        (Place("9", "seed"), "Sampler"),
        (Place("4", "seed"), "A"),
        (Place("4", "x"), "Sampler"),
    ):
        with pytest.raises(Permanent):
            set_input(GRAPH, place, class_type, 6)


def test_nodes_are_left_out_with_what_is_linked_to_them() -> None:
    assert without(GRAPH, [], {}) == GRAPH
    fewer = without(GRAPH, ["5"], {"2": "to", "3": "to"})
    assert set(fewer) == {"1", "4"}
    assert fewer["4"].inputs["guide"] == ["1", 0]
    assert "picture" not in without(GRAPH, ["5"], {})["2"].inputs
    with pytest.raises(Permanent, match="no link"):
        without(GRAPH, [], {"5": "image"})


def test_seeds_and_models_are_found() -> None:
    assert places_of_seeds(GRAPH) == [Place("4", "seed")]
    assert model_files(GRAPH) == {Place("1", "ckpt_name"): "a.safetensors"}
    assert model_set(GRAPH) == model_set(set_input(GRAPH, Place("4", "seed"), "Sampler", 6))
    assert model_set(GRAPH) != model_set(set_input(GRAPH, Place("1", "ckpt_name"), "Loader", "b.safetensors"))
    assert model_set({"5": GRAPH["5"]}) == ""


def test_a_digest_sees_values_and_links_and_no_titles() -> None:
    titled = graph_of({**DOCUMENT, "1": {**DOCUMENT["1"], "_meta": {"title": "Other"}}})
    assert digest(titled) == digest(GRAPH)
    assert digest(dict(reversed([*GRAPH.items()]))) == digest(GRAPH)
    assert digest(set_input(GRAPH, Place("4", "seed"), "Sampler", 6)) != digest(GRAPH)
    assert digest(set_input(GRAPH, Place("4", "guide"), "Sampler", ["3", 0])) != digest(GRAPH)
