"""A graph held against the node classes of a server, before it is sent there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from services.generator.comfyui.folders import is_model_file
from services.generator.comfyui.graph import Graph, Link, Node, circle, link_of
from services.generator.comfyui.nodes import COMBO, Input, NodeClass, node_class

Kind = Literal["class", "input", "link", "type", "range", "choice", "file", "output", "extra", "loose"]
HARMLESS: tuple[Kind, ...] = ("extra", "loose")


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """What a server would refuse, or (HARMLESS) pass over or read as the type that it wants."""

    kind: Kind
    node: str
    class_type: str = ""
    input: str = ""
    value: object = None
    message: str


def flaws(graph: Graph, object_info: Mapping[str, Any]) -> list[Flaw]:
    """Everything that is wrong with the graph on a server that answers GET /object_info with this.

    A model file that the server doesn't list is a flaw of the kind `file`. Files that a client uploads aren't held
    against the list.
    """
    classes = {
        node.class_type: node_class(node.class_type, object_info[node.class_type])
        for node in graph.values()
        if node.class_type in object_info
    }
    found = [
        _flaw("class", name, node, "", f"The server has no node class {node.class_type}.")
        for name, node in graph.items()
        if node.class_type not in classes
    ]
    outputs = [
        name for name, node in graph.items() if node.class_type in classes and classes[node.class_type].is_output
    ]
    if not outputs:
        found.append(Flaw(kind="output", node="", message="No node of the graph saves anything."))
    types = _Types(graph, classes)
    for name in _reached(graph, outputs):
        if graph[name].class_type in classes:
            found += _node_flaws(graph, name, types)
    name = circle(graph)
    if name:
        found.append(_flaw("link", name, graph[name], "", f"Node {name} is linked to itself in a circle."))
    return found


def _reached(graph: Graph, outputs: Iterable[str]) -> list[str]:
    """The nodes that outputs need: a server looks at no others."""
    open_, reached = list(outputs), dict.fromkeys(outputs)
    while open_:
        for value in graph[open_.pop()].inputs.values():
            link = link_of(value)
            if link is not None and link.node in graph and link.node not in reached:
                reached[link.node] = None
                open_.append(link.node)
    return list(reached)


def _node_flaws(graph: Graph, name: str, types: _Types) -> Iterator[Flaw]:
    node = graph[name]
    known = types.classes[node.class_type]
    inputs = {entry.name: entry for entry in known.inputs(node.inputs)}
    for entry in inputs.values():
        if entry.name not in node.inputs:
            older = entry.name.rpartition(".")[2]  # as it was called before it depended on another one
            if entry.required and not entry.hidden and older not in node.inputs:
                yield _flaw("input", name, node, entry.name, f"{_at(name, node, entry.name)} is missing.")
        else:
            yield from _input_flaws(name, node, entry, types)
    for key in node.inputs.keys() - inputs.keys():
        yield _flaw("extra", name, node, key, f"{_at(name, node, key)} is not known.")


def _input_flaws(name: str, node: Node, entry: Input, types: _Types) -> Iterator[Flaw]:
    value = node.inputs[entry.name]
    at = _at(name, node, entry.name)
    link = link_of(value)
    if link is not None:
        given = types.given(link)
        if given is None:
            yield _flaw(
                "link", name, node, entry.name, f"{at} is linked to output {link.slot} of {link.node}: none."
            )
        elif not _fits(given, entry.type):
            yield _flaw("link", name, node, entry.name, f"{at} takes {entry.type}, its link gives {given}.")
    elif entry.type == COMBO:
        yield from _choice_flaws(name, node, entry, value)
    elif not _is_a(value, entry.type):
        kind: Kind = "loose" if _becomes(value, entry.type) else "type"
        yield _flaw(kind, name, node, entry.name, f"{at} takes {entry.type}, not {value!r:.80}.")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if entry.least is not None and value < entry.least:
            yield _flaw("range", name, node, entry.name, f"{at} is {value}; the least is {entry.least}.")
        if entry.most is not None and value > entry.most:
            yield _flaw("range", name, node, entry.name, f"{at} is {value}; the most is {entry.most}.")


def _choice_flaws(name: str, node: Node, entry: Input, value: object) -> Iterator[Flaw]:
    at = _at(name, node, entry.name)
    if entry.uploads:
        if not isinstance(value, str):
            yield _flaw("type", name, node, entry.name, f"{at} takes the name of a file, not {value!r:.80}.")
    elif isinstance(value, list) and entry.several:
        if any(one not in entry.options for one in value):
            yield _flaw("choice", name, node, entry.name, f"{at} is {value!r:.80}: not all are in the list.")
    elif value not in entry.options and (entry.options or is_model_file(value)):
        text = "the server has no such file" if is_model_file(value) else "it is not in the list"
        yield _flaw(
            "file" if is_model_file(value) else "choice", name, node, entry.name, f"{at} is {value!r:.200}: {text}."
        )


class _Types:
    """What the links of a graph give, each found once: links can follow from links for a long way."""

    def __init__(self, graph: Graph, classes: Mapping[str, NodeClass]) -> None:
        self.classes = classes
        self._graph = graph
        self._given: dict[Link, str | None] = {}

    def given(self, link: Link) -> str | None:
        """The type that a link gives; `*` where it can't be told, None where there is no such output."""
        way: list[Link] = []
        found: str | Link | None = link
        while isinstance(found, Link):
            if found in self._given or len(way) > len(self._graph):
                found = self._given.get(found, "*")
            else:
                way.append(found)
                found = self._step(found)
        self._given.update(dict.fromkeys(way, found))
        return found

    def _step(self, link: Link) -> str | Link | None:
        """The type of an output, or the link whose type it has."""
        node = self._graph.get(link.node)
        if node is None:
            return None
        known = self.classes.get(node.class_type)
        if known is None:
            return "*"
        if not 0 <= link.slot < len(known.outputs):
            return None
        match = known.output_matches[link.slot]
        if not match:
            return known.outputs[link.slot]
        matching = (node.inputs.get(entry.name) for entry in known.inputs(node.inputs) if entry.match == match)
        return next(filter(None, map(link_of, matching)), "*")


def _fits(given: str, taken: str) -> bool:
    gives, takes = set(given.split(",")), set(taken.split(","))
    return "*" in gives | takes or bool(gives & takes)


def _is_a(value: object, kind: str) -> bool:
    """Whether a plain value can stand in an input of this type; those of models and pictures take links."""
    kinds = set(kind.split(","))
    if isinstance(value, bool):
        return bool(kinds & {"BOOLEAN", "*"})
    if isinstance(value, int):
        return bool(kinds & {"INT", "FLOAT", "COLOR", "*"})
    if isinstance(value, float):
        return bool(kinds & {"FLOAT", "*"})
    if isinstance(value, str):
        return bool(kinds & {"STRING", "COLOR", "*"})
    return not kinds & {"BOOLEAN", "INT", "FLOAT", "STRING"}


def _becomes(value: object, kind: str) -> bool:
    """Whether a server makes a value of the type of this one: it reads texts as numbers, and anything as text."""
    if kind in ("STRING", "BOOLEAN"):
        return True
    if kind not in ("INT", "FLOAT") or not isinstance(value, (str, int, float)):
        return False
    try:
        return math.isfinite(int(value) if kind == "INT" else float(value))
    except (ValueError, OverflowError):
        return False


def _flaw(kind: Kind, name: str, node: Node, key: str, message: str) -> Flaw:
    return Flaw(
        kind=kind, node=name, class_type=node.class_type, input=key, value=node.inputs.get(key), message=message
    )


def _at(name: str, node: Node, key: str) -> str:
    return f"Input {key} of node {name} ({node.class_type})"
