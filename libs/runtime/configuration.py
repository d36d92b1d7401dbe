"""The page docs/configuration.md, from the settings structs themselves."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from libs.runtime.settings import PREFIX, SHARED_FIELD, Shared, meta_of, secret_fields, variable_of

_INTRO = """\
# Configuration

Generated from the settings structs. Every setting is an environment variable. The shared ones are read by all
services; `BEATLOOM_<SERVICE>_*` belongs to one service, which refuses unknown names and ignores those of others.
A list is written with commas. Secrets are never logged.
"""


def configuration_page(services: Mapping[str, type[msgspec.Struct]]) -> str:
    """The whole page. services: the settings struct of each service by its name, in the order to show them."""
    parts = [_INTRO, "## Shared\n\n" + _table(Shared, PREFIX)]
    parts += [
        f"## {name.capitalize()}\n\n" + _table(kind, f"{PREFIX}{name.upper()}_") for name, kind in services.items()
    ]
    return "\n".join(parts)


def _table(kind: type[msgspec.Struct], prefix: str) -> str:
    rows = ["| variable | type | default | meaning |", "| --- | --- | --- | --- |"]
    hidden = secret_fields(kind)
    for field in msgspec.structs.fields(kind):
        if field.name == SHARED_FIELD:
            continue
        name = variable_of(prefix, field.name)
        description = (meta_of(field).description or "").replace("|", "\\|")
        if field.name in hidden:
            description += " Secret."
        rows.append(f"| `{name}` | {_type_name(field.type)} | {_default(field)} | {description} |")
    return "\n".join(rows) + "\n"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, bool):
        return "`1`" if value else "`0`"
    if isinstance(value, (tuple, list, frozenset)):
        value = ",".join(str(item) for item in value)
    return f"`{value}`" if value not in ("", None) else "empty"


_NAMES: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "0 or 1", type(None): "empty"}


def _type_name(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Annotated:
        return _type_name(get_args(kind)[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if origin in (tuple, list, frozenset):
        return f"list of {_type_name(get_args(kind)[0])}"
    if origin in (Union, types.UnionType):
        return " or ".join(_type_name(part) for part in get_args(kind))
    return _NAMES.get(kind, getattr(kind, "__name__", str(kind)))
