"""A graph of ComfyUI nodes in API format, as a value: nothing here changes one in place.

In API format a graph is an object of nodes by id; an input is either a plain value or a link `[node id, slot]`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import msgspec

from libs.contracts.errors import Permanent
from services.generator.comfyui.folders import is_model_file

Value = object
"""What stands in an input: text, a number, a truth value, a link, or what a custom node makes of JSON."""

HOW_TO_EXPORT = (
    "In ComfyUI open the menu Workflow and choose Export (API); older versions: Settings, Enable dev mode options, "
    "then Save (API format)."
)
SEEDS = ("seed", "noise_seed")
LARGEST = 10_000_000
"""Bytes of a graph's document; those of real workflows have a hundred thousand."""
_SUBGRAPH = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Link(NamedTuple):
    """An output of another node."""

    node: str
    slot: int


class Node(msgspec.Struct, frozen=True):
    """One node: its class, its inputs by name, and the title that a person gave it."""

    class_type: str
    inputs: Mapping[str, Value]
    title: str = ""


Graph = Mapping[str, Node]


class Place(NamedTuple):
    """One input of one node."""

    node: str
    input: str


def read_graph(text: bytes | str) -> Graph:
    """The graph of a JSON document in API format. Raises Permanent("workflow_invalid") with the reason."""
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if len(data) > LARGEST:
        raise invalid(f"The graph has {len(data) / 1e6:.0f} MB; at most {LARGEST / 1e6:.0f} MB are read.")
    try:
        document = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise invalid(f"The graph is not JSON: {error}.", hint=HOW_TO_EXPORT) from error
    return graph_of(document)


def graph_of(document: object) -> Graph:
    """The graph of a decoded document in API format. Raises Permanent("workflow_invalid") with the reason."""
    if not isinstance(document, dict):
        raise invalid("The graph is not an object of nodes by id.")
    if isinstance(document.get("nodes"), list):
        raise invalid("This is the format of ComfyUI's editor, not the API format.", hint=HOW_TO_EXPORT)
    if not document:
        raise invalid("The graph has no nodes.")
    return {str(name): _node(str(name), entry) for name, entry in document.items()}


def _node(name: str, entry: object) -> Node:
    if not isinstance(entry, dict):
        raise invalid(f"Node {name} is not an object.", hint=HOW_TO_EXPORT)
    class_type, inputs = entry.get("class_type"), entry.get("inputs", {})
    if not isinstance(class_type, str) or not class_type:
        raise invalid(f"Node {name} has no class_type.", hint=HOW_TO_EXPORT)
    if _SUBGRAPH.fullmatch(class_type):
        hint = "Export it with a current ComfyUI, or unpack the subgraph first (right click, Unpack Subgraph)."
        raise invalid(f"Node {name} is a subgraph that the export did not resolve.", hint=hint)
    if not isinstance(inputs, dict):
        raise invalid(f"The inputs of node {name} are not an object.", hint=HOW_TO_EXPORT)
    meta = entry.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return Node(class_type, inputs, title if isinstance(title, str) else "")


def document_of(graph: Graph) -> dict[str, dict[str, object]]:
    """The graph as ComfyUI takes it at POST /prompt."""
    return {
        name: {"class_type": node.class_type, "inputs": dict(node.inputs), "_meta": {"title": node.title}}
        for name, node in graph.items()
    }


def link_of(value: Value) -> Link | None:
    """The link that an input's value is, or None: `["12", 0]` is one."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return None
    node, slot = value
    if not isinstance(node, str) or not isinstance(slot, int) or isinstance(slot, bool):
        return None
    return Link(node, slot)


def links(graph: Graph) -> Iterator[tuple[Place, Link]]:
    """Every link with the input that it leads to."""
    for name, node in graph.items():
        for key, value in node.inputs.items():
            link = link_of(value)
            if link is not None:
                yield Place(name, key), link


def check_links(graph: Graph) -> None:
    """Raise Permanent("workflow_invalid") for a link to a node that is not there, and for nodes in a circle."""
    for place, link in links(graph):
        if link.node not in graph:
            raise invalid(
                f"Input {place.input} of node {place.node} is linked to node {link.node}, which is not there.",
                hint="Export the graph anew, or link the input to something.",
            )
    node = circle(graph)
    if node:
        raise invalid(f"Node {node} is linked to itself in a circle.")


def circle(graph: Graph) -> str:
    """A node that needs its own output, or ""."""
    needs = {
        name: {link.node for link in map(link_of, node.inputs.values()) if link} for name, node in graph.items()
    }
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return str(next(name for name in error.args[1] if name in graph))
    return ""


def set_input(graph: Graph, place: Place, class_type: str, value: Value) -> Graph:
    """The graph with one input set. Raises Permanent("workflow_invalid") unless the node is there, of that class,
    and has the input.
    """
    node = graph.get(place.node)
    if node is None:
        raise invalid(f"There is no node {place.node}.")
    if node.class_type != class_type:
        raise invalid(f"Node {place.node} is a {node.class_type}, not a {class_type}.")
    if place.input not in node.inputs:
        raise invalid(f"Node {place.node} ({class_type}) has no input {place.input}.")
    changed = msgspec.structs.replace(node, inputs={**node.inputs, place.input: value})
    return {**graph, place.node: changed}


def without(graph: Graph, dropped: Iterable[str], bypassed: Mapping[str, str]) -> Graph:
    """The graph without some nodes.

    dropped: nodes that go, with every input that is linked to them. bypassed: nodes that go too, and the input of
    each whose link takes the node's place. Raises Permanent("workflow_invalid") when that input is no link.
    """
    gone = {*dropped, *bypassed}
    return {
        name: msgspec.structs.replace(node, inputs=_relinked(graph, node.inputs, gone, bypassed))
        for name, node in graph.items()
        if name not in gone
    }


def _relinked(
    graph: Graph, inputs: Mapping[str, Value], gone: set[str], bypassed: Mapping[str, str]
) -> dict[str, Value]:
    kept: dict[str, Value] = {}
    for key, value in inputs.items():
        link = link_of(value)
        source = None if link is None else _source(graph, link, bypassed)
        if source is None:
            kept[key] = value
        elif source.node not in gone:
            kept[key] = [source.node, source.slot]
    return kept


def _source(graph: Graph, link: Link, bypassed: Mapping[str, str]) -> Link:
    """Where a link comes from once the bypassed nodes are gone."""
    for _ in range(len(graph)):
        if link.node not in bypassed:
            return link
        node, key = graph.get(link.node), bypassed[link.node]
        through = None if node is None else link_of(node.inputs.get(key))
        if through is None:
            raise invalid(f"Node {link.node} can't be bypassed: its input {key} is no link.")
        link = through
    raise invalid(f"Node {link.node} is linked to itself in a circle.")


def places_of_seeds(graph: Graph) -> list[Place]:
    """Every input that is a seed in plain sight."""
    return [
        Place(name, key)
        for name, node in graph.items()
        for key in SEEDS
        if isinstance(node.inputs.get(key), int) and not isinstance(node.inputs[key], bool)
    ]


def model_files(graph: Graph) -> dict[Place, str]:
    """The model files that the graph loads, by the input that names each."""
    return {
        Place(name, key): value
        for name, node in graph.items()
        for key, value in node.inputs.items()
        if is_model_file(value)
    }


def model_set(graph: Graph) -> str:
    """A digest of the model files, "" for a graph without any: servers that hold this set need not load it."""
    files = sorted(set(model_files(graph).values()))
    return hashlib.sha256("\n".join(files).encode()).hexdigest()[:16] if files else ""


def digest(graph: Graph) -> str:
    """A digest of all that determines the graph's result, in hex.

    Titles don't count. For a key, bind the graph with the digests of files in place of their names and with a
    constant file name prefix.
    """
    plain = {name: [node.class_type, dict(node.inputs)] for name, node in graph.items()}
    return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()


def invalid(message: str, *, hint: str = "") -> Permanent:
    """The error of a graph or a binding that can't be used."""
    return Permanent("workflow_invalid", message, hint=hint)
