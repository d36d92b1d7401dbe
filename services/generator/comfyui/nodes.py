"""What the node classes of a server take and give, read from its GET /object_info."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

COMBO = "COMBO"
DYNAMIC = "COMFY_DYNAMICCOMBO_V3"
AUTOGROW = "COMFY_AUTOGROW_V3"
MATCH = "COMFY_MATCHTYPE_V3"

DEEPEST = 8
"""So often an input can depend on another one."""
MOST_GROWN = 1000
"""Inputs of one that grows."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One input of a class, as it is named in a graph."""

    name: str
    type: str
    """A type's name, several with commas between, `*`, or COMBO for one of `options`."""
    required: bool
    options: Sequence[object] = ()
    """As the server's answer holds them, which can be a hundred thousand."""
    least: float | None = None
    most: float | None = None
    match: str = ""
    """Inputs and outputs of one template have one type."""
    uploads: bool = False
    """Names a file that a client uploads."""
    hidden: bool = False
    """Not a wish of the caller's."""
    several: bool = False
    """Takes a list of its options."""


class NodeClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class: its inputs as the server describes them, and what it gives."""

    name: str
    raw_inputs: Mapping[str, Mapping[str, Any]]
    outputs: tuple[str, ...]
    output_matches: tuple[str, ...]
    is_output: bool

    def inputs(self, values: Mapping[str, object]) -> Iterator[Input]:
        """The inputs of a node with these values: some classes have more of them as others are chosen."""
        for group, entries in self.raw_inputs.items():
            if group == "hidden" or not isinstance(entries, dict):
                continue
            for name, spec in entries.items():
                yield from _inputs(name, spec, values, required=group == "required", depth=0)


def node_class(name: str, entry: object) -> NodeClass:
    """The class that one entry of object_info describes."""
    info = _object(entry)
    outputs = tuple(COMBO if isinstance(entry, list) else str(entry) for entry in _listed(info.get("output")))
    matches = tuple(str(entry or "") for entry in _listed(info.get("output_matchtypes")))
    return NodeClass(
        name=name,
        raw_inputs=_object(info.get("input")),
        outputs=outputs,
        output_matches=matches + ("",) * (len(outputs) - len(matches)),
        is_output=bool(info.get("output_node")),
    )


def _inputs(name: str, spec: Any, values: Mapping[str, object], *, required: bool, depth: int) -> Iterator[Input]:
    """The inputs that one entry stands for. Custom nodes say what they like: what can't be read is `*`."""
    if depth > DEEPEST:
        return
    parts = spec if isinstance(spec, (list, tuple)) and spec else [spec or "*"]
    kind = parts[0]
    extra = _object(parts[1]) if len(parts) > 1 else {}
    if kind == AUTOGROW:
        yield from _growing(name, _object(extra.get("template")), values, depth=depth + 1)
        return
    if kind == DYNAMIC:
        options = {str(option["key"]): _object(option.get("inputs")) for option in _keyed(extra.get("options"))}
        yield Input(
            name=name, type=COMBO, required=required, options=tuple(options), hidden=bool(extra.get("hidden"))
        )
        for group, entries in options.get(str(values.get(name)), {}).items():
            for key, inner in _object(entries).items():
                inner_required = required and group == "required"
                yield from _inputs(f"{name}.{key}", inner, values, required=inner_required, depth=depth + 1)
        return
    template = _object(extra.get("template"))
    yield Input(
        name=name,
        type=_type(kind, template),
        required=required,
        options=kind if isinstance(kind, list) else _listed(extra.get("options")),
        least=_number(extra.get("min")),
        most=_number(extra.get("max")),
        match=str(template.get("template_id", "")) if kind == MATCH else "",
        uploads=any(key.endswith("_upload") and extra[key] for key in extra),
        several=bool(extra.get("multiselect") or extra.get("multi_select")),
    )


def _type(kind: object, template: Mapping[str, Any]) -> str:
    if isinstance(kind, list):
        return COMBO
    if kind == MATCH:
        return str(template.get("allowed_types", "*"))
    return kind if isinstance(kind, str) else "*"


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _keyed(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in _listed(value) if "key" in _object(entry)]


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _growing(
    name: str, template: Mapping[str, Any], values: Mapping[str, object], *, depth: int
) -> Iterator[Input]:
    """As many inputs as are given, at least `min`: `name.a`, `name.b` or `name.image0`, `name.image1`."""
    groups = [_object(entries) for entries in _object(template.get("input")).values()]
    specs = [spec for entries in groups for spec in entries.values()]
    if not specs:
        return
    least, most = (_number(template.get(key)) or 0 for key in ("min", "max"))
    named = [str(key) for key in _listed(template.get("names"))[:MOST_GROWN]]
    count = 0 if named else int(min(most, MOST_GROWN))
    for index, key in enumerate(named or [f"{template.get('prefix', '')}{i}" for i in range(count)]):
        if index < least or f"{name}.{key}" in values:
            yield from _inputs(f"{name}.{key}", specs[0], values, required=index < least, depth=depth)
