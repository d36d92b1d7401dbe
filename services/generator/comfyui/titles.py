"""A user's own graph, taken as it is: what it takes is found by the titles that the user gave its nodes.

A node titled `BEATLOOM_PROMPT` takes the prompt, and so on for each of TITLES; a node that takes several things has
several of these words in its title. Whatever can be read in two ways is refused, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

from libs.contracts.errors import Permanent
from services.generator.comfyui.binding import check_binding
from services.generator.comfyui.graph import SEEDS, Graph, Node, Place, invalid, link_of, links, places_of_seeds
from services.generator.comfyui.limits import Limits
from services.generator.comfyui.workflow import PARAMETERS, Kind, Media, Output, Target, Task, Workflow

PREFIX = "BEATLOOM_"
OUTPUT = f"{PREFIX}OUTPUT"
TITLES: Mapping[str, str] = {PREFIX + name.upper(): name for name in PARAMETERS}

_TEXT = ("text", "prompt", "value", "string", "positive", "negative", "tags", "lyrics")
INPUTS: Mapping[str, tuple[str, ...]] = {
    "prompt": _TEXT,
    "negative": _TEXT,
    "lyrics": ("lyrics", "value", "text", "string"),
    "text": ("text", "prompt", "value", "string", "input"),
    "voice": ("voice", "speaker", "voice_name", "speaker_name", "speaker_id", "value", "string"),
    "language": ("language", "lang", "lang_code", "value", "string"),
    "seed": ("seed", "noise_seed", "value"),
    "width": ("width", "value"),
    "height": ("height", "value"),
    "frames": ("length", "frames", "num_frames", "frames_number", "amount", "value"),
    "fps": ("fps", "frame_rate", "value"),
    "seconds": ("seconds", "duration", "value"),
    "strength": ("strength", "strength_model", "value"),
    "speed": ("speed", "rate", "value"),
    "factor": ("multiplier", "scale_by", "value"),
    "image": ("image",),
    "image2": ("image",),
    "image3": ("image",),
    "last_image": ("image",),
    "control": ("image", "file", "video"),
    "audio": ("audio",),
    "video": ("file", "video"),
}
"""The inputs that can be meant by a title."""

_WORD = re.compile(rf"\b{PREFIX[:-1]}[_-]\w*", re.IGNORECASE)

_ENDINGS: Mapping[Media, tuple[str, ...]] = {
    "image": ("png", "jpg", "jpeg", "webp"),
    "video": ("mp4", "webm", "mkv", "mov"),
    "audio": ("flac", "mp3", "opus", "ogg", "wav"),
}


def workflow_by_titles(name: str, graph: Graph) -> Workflow:
    """The workflow of a graph without a binding. Raises Permanent("workflow_invalid") with the reason."""
    titled = _titled(graph)
    output = _output(graph, titled.pop(OUTPUT, None))
    parameters = {TITLES[word]: (_target(graph, word, node),) for word, node in titled.items()}
    seeds = {target.place for target in parameters.get("seed", ())}
    more = [_at(graph, place) for place in places_of_seeds(graph) if place not in seeds]
    if more:
        parameters["seed"] = (*parameters.get("seed", ()), *more)
    _check_seeds(graph, {target.node for target in parameters.get("seed", ())})
    prefix = [Place(node, "filename_prefix") for node, entry in graph.items() if _is_prefix(entry)]
    workflow = Workflow(
        name=name,
        graph=graph,
        title=name,
        task=_task(output.media, parameters.keys()),
        output=output,
        parameters=parameters,
        prefix=tuple(_at(graph, place) for place in prefix),
        about="A graph of your own.",
        limits=_limits(graph, parameters.keys()),
        continue_with=name if output.media == "video" and "image" in parameters else "",
    )
    check_binding(workflow)
    return workflow


def _titled(graph: Graph) -> dict[str, str]:
    """The node of each word of ours that stands in a title."""
    found: dict[str, str] = {}
    for node, entry in graph.items():
        for written in _WORD.findall(entry.title):
            word = written.upper().replace("-", "_")
            if word not in (*TITLES, OUTPUT):
                raise _unknown(node, written)
            if found.get(word, node) != node:
                raise invalid(
                    f"Nodes {found[word]} and {node} are both titled {word}.",
                    hint="Give the title to one node, and link it to both.",
                )
            found[word] = node
    return found


def _unknown(node: str, written: str) -> Permanent:
    known = [*TITLES, OUTPUT]
    near = get_close_matches(written[:50].upper(), known, 1)
    meant = f"Did you mean {near[0]}? " if near else ""
    hint = f"{meant}Known titles: {', '.join(known)}."
    return invalid(f"Node {node} is titled {written[:50]}, which means nothing.", hint=hint)


def _check_seeds(graph: Graph, seeded: set[str]) -> None:
    """Every seed has to be one that we set, or follow from one."""
    for place, link in links(graph):
        if place.input in SEEDS and not seeded & _sources(graph, link.node):
            raise invalid(
                f"Input {place.input} of node {place.node} is linked to node {link.node}, "
                "and none of the numbers that it comes from is known to be a seed.",
                hint=f"Give the title {PREFIX}SEED to the node that the number comes from.",
            )


def _sources(graph: Graph, node: str) -> set[str]:
    """The node and all that it follows from."""
    found, waiting = {node}, [node]
    while waiting:
        entry = graph.get(waiting.pop())
        new = {link.node for link in map(link_of, entry.inputs.values()) if link} - found if entry else set()
        found |= new
        waiting += new
    return found


def _target(graph: Graph, word: str, node: str) -> Target:
    entry, name = graph[node], TITLES[word]
    there = [key for key in INPUTS[name] if key in entry.inputs]
    free = [key for key in there if _holds(entry.inputs[key], PARAMETERS[name])]
    if len(free) == 1:
        return _at(graph, Place(node, free[0]))
    what = f"Node {node} ({entry.class_type}) is titled {word}"
    if len(free) > 1:
        raise invalid(
            f"{what}, and it could mean its inputs {' or '.join(free)}.",
            hint="Link a primitive node to the ones that are meant, and give it the title.",
        )
    linked = [key for key in there if link_of(entry.inputs[key])]
    if linked:
        raise invalid(
            f"{what}, but its input {linked[0]} is linked to another node.",
            hint="Give the title to the node that the value comes from.",
        )
    raise invalid(f"{what}, but has none of the inputs {', '.join(INPUTS[name])} with a value that fits.")


def _holds(value: object, kind: Kind) -> bool:
    if kind in ("text", "file"):
        return isinstance(value, str)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _output(graph: Graph, titled: str | None) -> Output:
    saving = [titled] if titled is not None else [node for node, entry in graph.items() if _is_prefix(entry)]
    if len(saving) != 1:
        which = f"Nodes {', '.join(saving)} all save files." if saving else "No node of the graph saves a file."
        raise invalid(which, hint=f"Give the title {OUTPUT} to the node whose file is the result.")
    entry = graph[saving[0]]
    if not _is_prefix(entry):
        raise invalid(
            f"Node {saving[0]} ({entry.class_type}) has no filename_prefix to set.",
            hint=f"Give the title {OUTPUT} to a node that saves files, such as Save Video.",
        )
    media = _media(entry)
    if _is_animation(entry):
        raise invalid(
            f"Node {saving[0]} ({entry.class_type}) saves an animated picture, not a video.",
            hint="Save the clip with Save Video or as video/h264-mp4, which keeps every frame.",
        )
    return Output(node=saving[0], class_type=entry.class_type, media=media, types=_ENDINGS[media])


def _limits(graph: Graph, names: Collection[str]) -> Limits:
    """Sizes and numbers of frames that every model takes, at the rate of the graph where that is fixed."""
    rates = set() if "fps" in names or "frames" not in names else _rates(graph)
    if len(rates) > 1:
        told = " and ".join(f"{rate:g}" for rate in sorted(rates))
        raise invalid(
            f"It takes frames, and its nodes have rates of {told}.",
            hint="Give the title BEATLOOM_FPS to the node that sets the rate.",
        )
    return Limits(size_multiple=32, min_frames=9, frame_step=8, frame_rest=1, fps=next(iter(rates), None))


def _rates(graph: Graph) -> set[float]:
    found = [entry.inputs.get(key) for entry in graph.values() for key in ("fps", "frame_rate")]
    return {float(rate) for rate in found if isinstance(rate, (int, float)) and rate > 0}


def _media(entry: Node) -> Media:
    """What a node saves, by its class."""
    name = entry.class_type.lower()
    if "audio" in name:
        return "audio"
    return "video" if any(word in name for word in ("video", "webm", "animated", "gif")) else "image"


def _is_animation(entry: Node) -> bool:
    kind = entry.inputs.get("format")
    return "animated" in entry.class_type.lower() or (isinstance(kind, str) and kind.startswith("image/"))


def _task(media: Media, names: Collection[str]) -> Task:
    """What the graph is for, by what it takes and saves."""
    if media == "audio":
        return "voice" if "text" in names else "music"
    if media == "video":
        if "video" in names:
            return "interpolate" if "factor" in names else "upscale"
        return "performance" if "audio" in names else "flf" if "last_image" in names else "animate"
    return "control" if "control" in names else "edit" if "image" in names else "imagine"


def _is_prefix(entry: Node) -> bool:
    return isinstance(entry.inputs.get("filename_prefix"), str)


def _at(graph: Graph, place: Place) -> Target:
    return Target(node=place.node, class_type=graph[place.node].class_type, input=place.input)
