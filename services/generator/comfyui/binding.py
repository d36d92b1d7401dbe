"""A binding says where the parameters of a graph are; `bind` puts values there."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from libs.contracts.errors import Permanent
from services.generator.comfyui.graph import (
    Graph,
    Link,
    Place,
    check_links,
    digest,
    invalid,
    link_of,
    model_files,
    places_of_seeds,
    set_input,
    without,
)
from services.generator.comfyui.limits import Limits, contradiction, why_not
from services.generator.comfyui.workflow import (
    FULL,
    PARAMETERS,
    Kind,
    Model,
    Optional,
    Output,
    Profile,
    Target,
    Task,
    Workflow,
    plain_profiles,
)

Values = Mapping[str, str | int | float]
"""Values by the names of PARAMETERS."""

MAX_SEED = 2**53 - 1
"""The largest seed: larger ones are rounded by whatever reads JSON numbers as floats."""


class BindingFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A binding as it is written in TOML, beside the graph of the same name."""

    title: str
    task: Task
    output: Output
    parameters: dict[str, Target | list[Target]]
    prefix: Target
    about: str = ""
    min_comfyui: Annotated[str, Meta(pattern=r"^\d{1,4}\.\d{1,4}\.\d{1,4}$")] = "0.0.0"
    optional: dict[str, Optional] = {}
    limits: Limits = Limits()
    continue_with: str = ""
    models: list[Model] = []
    profiles: dict[str, Profile] = msgspec.field(default_factory=plain_profiles)


def read_binding(name: str, graph: Graph, text: str) -> Workflow:
    """The workflow that a graph and its binding make. Raises Permanent("workflow_invalid") with what is wrong."""
    try:
        found = msgspec.convert(tomllib.loads(text), BindingFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise invalid(f"The binding of {name} can't be read: {error}.") from error
    targets = {
        key: tuple(entry) if isinstance(entry, list) else (entry,) for key, entry in found.parameters.items()
    }
    fields = {field: getattr(found, field) for field in BindingFile.__struct_fields__}
    workflow = Workflow(
        **fields
        | {
            "name": name,
            "graph": graph,
            "parameters": targets,
            "prefix": (found.prefix,),
            "models": tuple(found.models),
        }
    )
    check_binding(workflow)
    return workflow


def check_binding(workflow: Workflow) -> None:
    """Raise Permanent("workflow_invalid") unless the binding fits its graph."""
    name, graph = workflow.name, workflow.graph
    unknown = workflow.parameters.keys() - PARAMETERS.keys() | workflow.optional.keys() - workflow.parameters.keys()
    if unknown:
        known = f"There are: {', '.join(PARAMETERS)}."
        raise invalid(f"{name}: no such parameter: {', '.join(sorted(unknown))}.", hint=known)
    check_links(graph)
    output = graph.get(workflow.output.node)
    if output is None or output.class_type != workflow.output.class_type:
        raise invalid(f"{name}: the output node {workflow.output.node} is not there, or of another class.")
    if FULL not in workflow.profiles:
        raise invalid(f"{name}: there is no profile {FULL}.")
    _check_parameters(workflow)
    _check_targets(workflow, workflow.prefix)
    for key, optional in workflow.optional.items():
        missing = {*optional.drop, *optional.bypass} - graph.keys()
        if missing:
            raise invalid(f"{name}: without {key}: no such node: {', '.join(sorted(missing))}.")
        if workflow.output.node not in without(graph, optional.drop, optional.bypass):
            raise invalid(f"{name}: without {key} the output node {workflow.output.node} would go, too.")
    for label in workflow.profiles:
        _check_profile(workflow, label)


def _check_parameters(workflow: Workflow) -> None:
    name, taken = workflow.name, dict[Place, str]()
    for key, targets in workflow.parameters.items():
        _check_targets(workflow, targets)
        for target in targets:
            _check_kind(workflow, key, target)
            other = taken.setdefault(target.place, key)
            if other != key:
                raise invalid(f"{name}: input {target.input} of node {target.node} is both {other} and {key}.")
    for place in places_of_seeds(workflow.graph):
        if taken.get(place) != "seed":
            raise invalid(
                f"{name}: input {place.input} of node {place.node} is a seed that the binding doesn't name."
            )


def _check_targets(workflow: Workflow, targets: tuple[Target, ...]) -> None:
    for target in targets:
        set_input(workflow.graph, target.place, target.class_type, "")
        link = link_of(workflow.graph[target.node].inputs[target.input])
        if link is not None:
            raise _is_linked(f"{workflow.name}: input {target.input} of node {target.node}", link)


def _check_kind(workflow: Workflow, name: str, target: Target) -> None:
    """What stands in an input tells what belongs there."""
    value, kind = workflow.graph[target.node].inputs[target.input], PARAMETERS[name]
    if isinstance(value, str) != (kind in ("text", "file")):
        raise invalid(
            f"{workflow.name}: {name} is a {kind}, and input {target.input} of node {target.node} "
            f"({target.class_type}) holds {value!r:.60}."
        )


def _check_profile(workflow: Workflow, label: str) -> None:
    settings = workflow.profiles[label].set
    _check_targets(workflow, settings)
    if any(isinstance(one.value, float) and not math.isfinite(one.value) for one in settings):
        raise invalid(f"{workflow.name}: profile {label} sets an input to what is no number.")
    reason = contradiction(workflow.limits_of(label))
    if reason:
        raise invalid(f"{workflow.name}: the limits of profile {label} contradict each other: {reason}.")
    if workflow.models:
        _check_models(workflow, label)


def _check_models(workflow: Workflow, profile: str) -> None:
    graph = workflow.graph_of(profile)
    named = {model.file for model in workflow.models}
    nameless = set(model_files(graph).values()) - named
    if nameless:
        raise invalid(f"{workflow.name}: the binding says nothing of {', '.join(sorted(nameless))}.")


def _is_linked(what: str, link: Link) -> Permanent:
    return invalid(f"{what} is linked to node {link.node}; name the node that the value comes from.")


def bind(workflow: Workflow, values: Values, *, prefix: str, profile: str = FULL) -> Graph:
    """The graph with the values in it, ready to be sent.

    values: by name; what the workflow doesn't take is passed over; `seed` is always needed. `seconds` follows from
    `frames` and the rate where it isn't given. prefix: the beginning of the file's name, unique for each attempt:
    ComfyUI answers a graph that it has seen with the old file's name, even when that file is gone.
    Raises Permanent("workflow_value") for a value that is missing or doesn't fit.
    """
    if profile not in workflow.profiles:
        raise _bad(workflow, f"there is no profile {profile}")
    found = _completed(workflow, values)
    _check_values(workflow, found, workflow.limits_of(profile))
    graph = workflow.graph_of(profile)
    for name, targets in workflow.parameters.items():
        for target in targets if name in found else ():
            graph = set_input(graph, target.place, target.class_type, found[name])
    for place in places_of_seeds(graph):
        graph = set_input(graph, place, graph[place.node].class_type, found["seed"])
    for target in workflow.prefix:
        graph = set_input(graph, target.place, target.class_type, prefix)
    missing = [optional for name, optional in workflow.optional.items() if name not in found]
    dropped = [node for optional in missing for node in optional.drop]
    bypassed = {node: key for optional in missing for node, key in optional.bypass.items()}
    return without(graph, dropped, bypassed)


def request_digest(workflow: Workflow, values: Values, *, profile: str = FULL) -> str:
    """A digest of the request: the graph with its values, model files and seed. values: files by their SHA-256."""
    return digest(bind(workflow, values, prefix="", profile=profile))


def _completed(workflow: Workflow, values: Values) -> dict[str, str | int | float]:
    unknown = values.keys() - PARAMETERS.keys()
    if unknown:
        raise _bad(workflow, f"there is no parameter {', '.join(sorted(unknown))}")
    found = {
        name: value for name, value in values.items() if workflow.takes(name) or name in ("seed", "frames", "fps")
    }
    rate = found.get("fps", workflow.limits.fps)
    if workflow.takes("fps") and "fps" not in found and rate is not None:
        found["fps"] = rate
    frames = found.get("frames")
    if workflow.takes("seconds") and "seconds" not in found and isinstance(frames, int) and rate:
        found["seconds"] = round(frames / float(rate), 3)
    return found


def _check_values(workflow: Workflow, found: Values, limits: Limits) -> None:
    missing = sorted((workflow.needed | {"seed"}) - found.keys())
    if missing:
        raise _bad(workflow, f"{', '.join(missing)} is missing")
    for name, value in found.items():
        if not _is_a(value, PARAMETERS[name]):
            raise _bad(workflow, f"{name} takes a value of the kind {PARAMETERS[name]}, not {value!r}")
    if not 0 <= int(found["seed"]) <= MAX_SEED:
        raise _bad(workflow, f"the seed is not from 0 to {MAX_SEED}")
    reason = why_not(limits, {name: value for name, value in found.items() if workflow.takes(name)})
    if reason:
        raise _bad(workflow, f"it can't make {reason}; see its limits")


def _is_a(value: object, kind: Kind) -> bool:
    if kind in ("text", "file"):
        return isinstance(value, str)
    if isinstance(value, bool):
        return False
    return isinstance(value, int) if kind == "int" else isinstance(value, (int, float)) and math.isfinite(value)


def _bad(workflow: Workflow, what: str) -> Permanent:
    return Permanent("workflow_value", f"{workflow.name}: {what}.")
