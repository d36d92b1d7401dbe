"""What the node classes of a server take and give, read from its GET /object_info."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

COMBO = "COMBO"
DYNAMIC = "COMFY_DYNAMICCOMBO_V3"
AUTOGROW = "COMFY_AUTOGROW_V3"
MATCH = "COMFY_MATCHTYPE_V3"


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One input of a class, as it is named in a graph."""

    name: str
    type: str
    """A type's name, several with commas between, `*`, or COMBO for one of `options`."""
    required: bool
    options: tuple[object, ...] = ()
    least: float | None = None
    most: float | None = None
    match: str = ""
    """Inputs and outputs of one template have one type."""
    uploads: bool = False
    """Names a file that a client uploads."""
    hidden: bool = False
    """Not a wish of the caller's."""


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
            if group == "hidden":
                continue
            for name, spec in entries.items():
                yield from _inputs(name, spec, values, required=group == "required")


def node_class(name: str, info: Mapping[str, Any]) -> NodeClass:
    """The class that one entry of object_info describes."""
    outputs = tuple("COMBO" if isinstance(entry, list) else str(entry) for entry in info.get("output") or ())
    matches = tuple(str(entry or "") for entry in info.get("output_matchtypes") or ())
    return NodeClass(
        name=name,
        raw_inputs=info.get("input") or {},
        outputs=outputs,
        output_matches=matches + ("",) * (len(outputs) - len(matches)),
        is_output=bool(info.get("output_node")),
    )


def _inputs(name: str, spec: Sequence[Any], values: Mapping[str, object], *, required: bool) -> Iterator[Input]:
    kind = spec[0]
    extra: Mapping[str, Any] = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
    if kind == AUTOGROW:
        yield from _growing(name, extra.get("template", {}), values)
        return
    if kind == DYNAMIC:
        options = {option["key"]: option.get("inputs", {}) for option in extra.get("options", ())}
        yield Input(
            name=name, type=COMBO, required=required, options=tuple(options), hidden=bool(extra.get("hidden"))
        )
        chosen = values.get(name)
        for group, entries in (options.get(chosen, {}) if isinstance(chosen, str) else {}).items():
            for key, inner in entries.items():
                yield from _inputs(f"{name}.{key}", inner, values, required=required and group == "required")
        return
    template = extra.get("template", {})
    listed = kind if isinstance(kind, list) else extra.get("options", ()) if kind == COMBO else ()
    yield Input(
        name=name,
        type=COMBO
        if isinstance(kind, list)
        else str(template.get("allowed_types", "*"))
        if kind == MATCH
        else kind,
        required=required,
        options=tuple(listed),
        least=extra.get("min"),
        most=extra.get("max"),
        match=str(template.get("template_id", "")) if kind == MATCH else "",
        uploads=any(key.endswith("_upload") and extra[key] for key in extra),
    )


def _growing(name: str, template: Mapping[str, Any], values: Mapping[str, object]) -> Iterator[Input]:
    """As many inputs as are given, at least `min`: `name.a`, `name.b` or `name.image0`, `name.image1`."""
    specs = [spec for entries in template.get("input", {}).values() for spec in entries.values()]
    if not specs:
        return
    least = int(template.get("min", 0))
    names = template.get("names") or [
        f"{template.get('prefix', '')}{i}" for i in range(int(template.get("max", 0)))
    ]
    for index, key in enumerate(names):
        if index < least or f"{name}.{key}" in values:
            yield from _inputs(f"{name}.{key}", specs[0], values, required=index < least)
