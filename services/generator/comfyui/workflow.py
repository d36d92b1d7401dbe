"""What is known of a workflow: what it takes and makes, with which models, within which limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from services.generator.comfyui.graph import Graph, Place, model_files, set_input
from services.generator.comfyui.limits import Limits, Positive

Task = Literal[
    "imagine",
    "edit",
    "animate",
    "flf",
    "performance",
    "upscale",
    "interpolate",
    "music",
    "voice",
    "control",
    "selftest",
]
"""What a workflow is for: stills from text; stills from references; clips; clips between two stills; clips that
move to a sound; larger; smoother; songs; speech; stills after a pose or a depth map; and the pool's own checks."""
TASKS: tuple[Task, ...] = get_args(Task)

Media = Literal["image", "video", "audio"]
Kind = Literal["text", "int", "float", "file"]

PARAMETERS: Mapping[str, Kind] = {
    "prompt": "text",
    "negative": "text",
    "lyrics": "text",
    "text": "text",
    "voice": "text",
    "language": "text",
    "seed": "int",
    "width": "int",
    "height": "int",
    "frames": "int",
    "fps": "float",
    "seconds": "float",
    "strength": "float",
    "speed": "float",
    "factor": "int",
    "image": "file",
    "image2": "file",
    "image3": "file",
    "last_image": "file",
    "control": "file",
    "audio": "file",
    "video": "file",
}
"""What can be told to a workflow. A file is the name that the server gave to an upload."""

SAID = ("prompt", "text")
"""Without these a workflow that takes them makes nothing of ours: what to show, and what to say."""

FULL = "full"


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"class_type": "class"}):
    """An input that takes a value: node id, its class, the input's name."""

    node: str
    class_type: str
    input: str

    @property
    def place(self) -> Place:
        """Where it is in the graph."""
        return Place(self.node, self.input)


class Setting(Target, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"class_type": "class"}):
    """An input that a profile sets to something else."""

    value: str | int | float | bool


class Output(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"class_type": "class"}):
    """The node that saves the result, and the ending of the files that count."""

    node: str
    class_type: str
    media: Media
    types: Annotated[tuple[Annotated[str, Meta(pattern=r"^[a-z0-9]{1,8}$")], ...], Meta(min_length=1)]
    """Without the dot, lower case: other files of the node are passed over."""


class Optional(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a graph does without a file: nodes that go, and nodes in whose place comes what leads to one input."""

    drop: tuple[str, ...] = ()
    bypass: dict[str, str] = {}


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model file."""

    file: str
    folder: str
    """Below ComfyUI's folder `models`."""
    gb: Annotated[float, Meta(gt=0, le=100_000)]
    """Size in units of 10^9 bytes, rounded."""
    licence: str
    source: str = ""
    """Who publishes the model, and states the licence; files made from it have the same. "": not stated."""
    commercial: bool = True
    """Whether everybody may earn money with what it makes."""
    terms: str = ""
    """What the licence forbids, in a sentence or two."""
    url: str = ""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to run the workflow, for GPUs of at least `vram_gb`.

    Sizes and files differ, never lengths: a shot is cut into pieces before it is known who makes them.
    """

    vram_gb: Annotated[float, Meta(ge=0, le=100_000)]
    """GPU memory that it needs, estimated."""
    set: tuple[Setting, ...] = ()
    max_pixels: Positive | None = None


def plain_profiles() -> dict[str, Profile]:
    """The profiles of a workflow that names none."""
    return {FULL: Profile(vram_gb=0)}


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """A graph and all that is known of it."""

    name: str
    graph: Graph
    title: str
    task: Task
    output: Output
    parameters: Mapping[str, tuple[Target, ...]]
    prefix: tuple[Target, ...]
    """The inputs that take the beginning of the file's name."""
    about: str = ""
    min_comfyui: str = "0.0.0"
    optional: Mapping[str, Optional] = msgspec.field(default_factory=dict)
    limits: Limits = Limits()
    continue_with: str = ""
    """The workflow that makes the next piece of a clip from the last frame of this one; "": none."""
    models: tuple[Model, ...] = ()
    profiles: Mapping[str, Profile] = msgspec.field(default_factory=plain_profiles)

    def takes(self, parameter: str) -> bool:
        """Whether it can be told this."""
        return parameter in self.parameters

    @property
    def needed(self) -> frozenset[str]:
        """The files and texts that it can't do without."""
        return frozenset(
            name
            for name in self.parameters
            if name not in self.optional and (name in SAID or PARAMETERS[name] == "file")
        )

    @property
    def by_memory(self) -> list[str]:
        """The names of the profiles, the largest first."""
        return sorted(self.profiles, key=lambda name: -self.profiles[name].vram_gb)

    @property
    def longest_s(self) -> float | None:
        """Seconds of the longest clip or sound that it makes at once; None where there is no limit."""
        limits = self.limits
        if limits.max_frames is not None and limits.fps is not None:
            return limits.max_frames / limits.fps
        return limits.max_seconds

    def limits_of(self, profile: str) -> Limits:
        """The limits within a profile."""
        pixels = self.profiles[profile].max_pixels or self.limits.max_pixels
        return msgspec.structs.replace(self.limits, max_pixels=pixels)

    def graph_of(self, profile: str) -> Graph:
        """The graph with the settings of a profile, its parameters as they were written."""
        graph = self.graph
        for setting in self.profiles[profile].set:
            graph = set_input(graph, setting.place, setting.class_type, setting.value)
        return graph

    def models_of(self, profile: str) -> list[Model]:
        """The model files that a profile loads, as far as the binding names them."""
        files = set(model_files(self.graph_of(profile)).values())
        return [model for model in self.models if model.file in files]
