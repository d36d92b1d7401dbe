"""Which outputs of a graph a server would run, and what it says of the others. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from tests.fakes.comfyui.catalogue import NodeInfo, inputs_of, is_upload, options

Graph = dict[str, Any]
Problem = dict[str, Any]


class Refused(Exception):
    """The whole prompt is refused: `answer` is the body of the 400."""

    def __init__(self, kind: str, message: str, details: str = "", extra: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.answer = {
            "error": {"type": kind, "message": message, "details": details, "extra_info": extra or {}},
            "node_errors": {},
        }


def check_classes(graph: Graph, nodes: dict[str, NodeInfo], *, old: bool) -> None:
    """Raises Refused for the first node without a known class."""
    for node_id, node in graph.items():
        node_class = node.get("class_type")
        if node_class in nodes:
            continue
        if old:
            said = f"Cannot execute because node {node_class} does not exist."
            raise Refused("invalid_prompt", said, f"Node ID '#{node_id}'")
        title = node.get("_meta", {}).get("title")
        shown = title or (f"ID #{node_id}" if node_class is None else node_class)
        why = (
            "has no class_type. The workflow may be corrupted or a custom node is missing."
            if node_class is None
            else "not found. The custom node may not be installed."
        )
        raise Refused(
            "missing_node_type",
            f"Node '{shown}' {why}",
            f"Node ID '#{node_id}'",
            {"node_id": node_id, "class_type": node_class, "node_title": title},
        )


def outputs_of(graph: Graph, nodes: dict[str, NodeInfo], targets: Collection[str] | None) -> list[str]:
    """Ids of the output nodes, or of those among `targets`. Raises Refused when there is none."""
    found = [
        node_id
        for node_id, node in graph.items()
        if nodes[node["class_type"]]["output_node"] and (targets is None or node_id in targets)
    ]
    if not found:
        raise Refused("prompt_no_outputs", "Prompt has no outputs")
    return found


class Validator:
    """Checks one graph against the nodes of a server."""

    def __init__(self, graph: Graph, nodes: dict[str, NodeInfo], uploads: Collection[str]) -> None:
        self.node_errors: dict[str, Any] = {}
        """As in the answer: by node id."""
        self._graph = graph
        self._nodes = nodes
        self._uploads = uploads
        self._sound: dict[str, bool] = {}

    def good_outputs(self, outputs: list[str]) -> list[str]:
        """Those that would run."""
        good = []
        for output in outputs:
            before = set(self.node_errors)
            try:
                sound = self._check(output, ())
            except (KeyError, IndexError) as error:
                extra = {"exception_type": type(error).__name__, "traceback": []}
                problem = _problem(
                    "exception_during_validation", "Exception when validating node", str(error), extra
                )
                self._add(output, problem)
                sound = False
            if sound:
                good.append(output)
                continue
            upstream = self._upstream(output)
            for node_id, entry in self.node_errors.items():
                if node_id not in before or node_id in upstream:
                    entry["dependent_outputs"].append(output)
        return good

    def _upstream(self, node_id: str) -> set[str]:
        seen: set[str] = set()
        waiting = [node_id]
        while waiting:
            current = waiting.pop()
            if current in seen or current not in self._graph:
                continue
            seen.add(current)
            waiting += [str(value[0]) for value in self._graph[current]["inputs"].values() if is_link(value)]
        return seen

    def _add(self, node_id: str, *problems: Problem) -> None:
        entry = self.node_errors.setdefault(
            node_id,
            {"errors": [], "dependent_outputs": [], "class_type": self._graph[node_id]["class_type"]},
        )
        entry["errors"] += problems

    def _check(self, node_id: str, path: tuple[str, ...]) -> bool:
        if node_id in self._sound:
            return self._sound[node_id]
        if node_id in path:
            self._add_cycle(path[path.index(node_id) :])
            return False
        node = self._graph[node_id]
        problems: list[Problem] = []
        upstream_sound = True
        for required, name, spec in inputs_of(self._nodes[node["class_type"]]):
            value = node["inputs"].get(name)
            if value is None:
                grows = str(spec[0]).startswith(("COMFY_AUTOGROW", "COMFY_DYNAMIC"))
                if required and not grows:
                    extra = {"input_name": name}
                    problems.append(_problem("required_input_missing", "Required input is missing", name, extra))
            elif not is_link(value):
                found, node["inputs"][name] = self._check_plain(name, spec, value)
                problems += found
            elif mismatch := self._mismatch(name, spec, value):
                problems.append(mismatch)
            else:
                upstream_sound &= self._check_linked(name, spec, value, (*path, node_id))
        for name, value in node["inputs"].items():  # inputs that grow: `values.a`, `format.codec`
            if "." in name and is_link(value):
                upstream_sound &= self._check_linked(name, ["*"], value, (*path, node_id))
        if problems:
            self._add(node_id, *problems)
        self._sound[node_id] = upstream_sound and not problems
        return self._sound[node_id]

    def _check_plain(self, name: str, spec: list[Any], value: Any) -> tuple[list[Problem], Any]:
        problem, value = _check_value(name, spec, value)
        if problem is not None:
            return [problem], value
        if is_upload(spec) and value and value not in self._uploads:
            said = f"{name} - Invalid {name if name != 'file' else 'video'} file: {value}"
            extra = {"input_name": name}
            return [_problem("custom_validation_failed", "Custom validation failed for node", said, extra)], value
        return [], value

    def _check_linked(self, name: str, spec: list[Any], link: list[Any], path: tuple[str, ...]) -> bool:
        child = str(link[0])
        try:
            return self._check(child, path)
        except (KeyError, IndexError) as error:
            if child not in self._graph:
                raise
            extra = {
                "input_name": name,
                "input_config": spec,
                "exception_message": str(error),
                "exception_type": type(error).__name__,
                "traceback": [],
                "linked_node": link,
            }
            said = "Exception when validating inner node"
            self._add(child, _problem("exception_during_inner_validation", said, str(error), extra))
            self._sound[child] = False
            return False

    def _mismatch(self, name: str, spec: list[Any], link: list[Any]) -> Problem | None:
        linked = self._nodes[self._graph[link[0]]["class_type"]]["output"]
        if link[1] >= len(linked):
            raise IndexError("tuple index out of range")
        received = linked[link[1]]
        if _fits(received, spec[0]):
            return None
        extra = {"input_name": name, "input_config": spec, "received_type": received, "linked_node": link}
        details = f"{name}, received_type({received}) mismatch input_type({spec[0]})"
        return _problem("return_type_mismatch", "Return type mismatch between linked nodes", details, extra)

    def _add_cycle(self, nodes: tuple[str, ...]) -> None:
        shown = " -> ".join(f"{one} ({self._graph[one]['class_type']})" for one in (*nodes, nodes[0]))
        for one in nodes:
            extra = {"node_id": one, "cycle_nodes": list(nodes)}
            if one not in self.node_errors:
                self._add(one, _problem("dependency_cycle", "Dependency cycle detected", shown, extra))
            self._sound[one] = False


def is_link(value: object) -> bool:
    """True for `[node id, slot]`."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def _problem(kind: str, message: str, details: str, extra: dict[str, Any]) -> Problem:
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def _fits(received: Any, wanted: Any) -> bool:
    if isinstance(wanted, list) or isinstance(received, list):  # a list of choices takes any choice
        return True
    if "*" in (received, wanted) or "MATCHTYPE" in f"{received}{wanted}" or "COMFY_" in str(wanted):
        return True
    return bool({*str(received).split(",")} & {*str(wanted).split(",")}) or {received, wanted} <= {
        "COMBO",
        "STRING",
    }


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


def _check_value(name: str, spec: list[Any], value: Any) -> tuple[Problem | None, Any]:
    """What is wrong with a plain value, if anything, and the value as the server takes it."""
    kind = spec[0]
    bounds = spec[1] if len(spec) > 1 else {}
    convert = _CONVERSIONS.get(kind if isinstance(kind, str) else "")
    if convert is not None:
        try:
            value = convert(value)
        except (TypeError, ValueError) as error:
            said = f"Failed to convert an input value to a {kind} value"
            details = f"{name}, {value}, {error}"
            extra = {**_received(name, spec, value), "exception_message": str(error)}
            return _problem("invalid_input_type", said, details, extra), value
    if kind in ("INT", "FLOAT"):
        if "min" in bounds and value < bounds["min"]:
            said = f"Value {value} smaller than min of {bounds['min']}"
            return _problem("value_smaller_than_min", said, name, _received(name, spec, value)), value
        if "max" in bounds and value > bounds["max"]:
            said = f"Value {value} bigger than max of {bounds['max']}"
            return _problem("value_bigger_than_max", said, name, _received(name, spec, value)), value
    offered = options(spec)
    if kind == "COMFY_DYNAMICCOMBO_V3":
        offered = [option["key"] for option in bounds.get("options", [])]
    if not offered and name == "choice":  # of a node whose choices live in the editor
        offered = None
    if offered is not None and not is_upload(spec) and not bounds.get("multiselect") and value not in offered:
        details = (
            f"{name}: {value!r} not in {offered if len(offered) <= 20 else f'(list of length {len(offered)})'}"
        )
        return _problem("value_not_in_list", "Value not in list", details, _received(name, spec, value)), value
    return None, value


def _received(name: str, spec: list[Any], value: Any) -> dict[str, Any]:
    return {"input_name": name, "input_config": spec, "received_value": value}
