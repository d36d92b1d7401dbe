"""The nodes and model files that a double has."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

CAPTURED = Path(__file__).with_name("captured")
_ROOT = Path(__file__).resolve().parents[3]

NodeInfo = dict[str, Any]

FOLDERS = (
    "checkpoints", "configs", "loras", "vae", "text_encoders", "diffusion_models", "clip_vision",
    "style_models", "embeddings", "diffusers", "vae_approx", "controlnet", "gligen", "upscale_models",
    "latent_upscale_models", "custom_nodes", "datasets", "hypernetworks", "photomaker", "classifiers",
    "model_patches", "audio_encoders", "background_removal", "frame_interpolation", "geometry_estimation",
    "optical_flow", "detection",
)  # fmt: skip
"""As GET /models lists them."""

_FOLDER_OF_INPUT = {
    "ckpt_name": "checkpoints",
    "config_name": "configs",
    "vae_name": "vae",
    "lora_name": "loras",
    "unet_name": "diffusion_models",
    "control_net_name": "controlnet",
    "style_model_name": "style_models",
    "gligen_name": "gligen",
    "hypernetwork_name": "hypernetworks",
    "photomaker_model_name": "photomaker",
    "audio_encoder_name": "audio_encoders",
    "text_encoder": "text_encoders",
    "bg_removal_name": "background_removal",
    **{f"clip_name{n}": "text_encoders" for n in ("", 1, 2, 3, 4)},
}
_FOLDER_OF_NODE_INPUT = {
    ("CLIPVisionLoader", "clip_name"): "clip_vision",
    ("UpscaleModelLoader", "model_name"): "upscale_models",
    ("LatentUpscaleModelLoader", "model_name"): "latent_upscale_models",
    ("FrameInterpolationModelLoader", "model_name"): "frame_interpolation",
    ("OpticalFlowLoader", "model_name"): "optical_flow",
    ("ModelPatchLoader", "name"): "model_patches",
    ("LoadMoGeModel", "model_name"): "geometry_estimation",
    ("LoadDA3Model", "model_name"): "geometry_estimation",
    ("LoadMediaPipeFaceLandmarker", "model_name"): "detection",
}
_UPLOADS = ("image_upload", "audio_upload", "video_upload")

PROBE = "MVProbeSampler"
"""The probe node with which the transcripts were captured; a server lists it only as a custom node."""


SPEAKS = "MVSpeak"
"""A node of a made-up pack that speaks: ComfyUI has none of its own."""
VOICES = ("ada", "ben")


def _custom(name: str, inputs: dict[str, Any], gives: str) -> NodeInfo:
    """A class of a custom node."""
    return {
        "input": {"required": inputs, "hidden": {"unique_id": "UNIQUE_ID"}},
        "input_order": {"required": list(inputs)},
        "output": [gives],
        "output_is_list": [False],
        "output_name": [gives],
        "name": name,
        "display_name": name,
        "description": "",
        "python_module": "custom_nodes.mv_probe",
        "category": "probe",
        "output_node": False,
    }


def _speaks() -> NodeInfo:
    inputs: dict[str, Any] = {
        "text": ["STRING", {"default": "", "multiline": True}],
        "voice": [list(VOICES)],
        "speed": ["FLOAT", {"default": 1.0, "min": 0.5, "max": 1.5}],
        "seed": ["INT", {"default": 0, "min": 0, "max": 2**63}],
    }
    return _custom(SPEAKS, inputs, "AUDIO")


def _probe() -> NodeInfo:
    number = {"default": 4, "min": 0, "max": 100000}
    inputs: dict[str, Any] = {
        "image": ["IMAGE"],
        "seed": ["INT", {"default": 0, "min": 0, "max": 2**63}],
        "steps": ["INT", number],
        "step_ms": ["INT", number],
        "fail": ["STRING", {"default": ""}],
    }
    return _custom(PROBE, inputs, "IMAGE")


@cache
def bare() -> dict[str, NodeInfo]:
    """The captured /object_info of a server without any model file, by node class. Not to be changed."""
    nodes: dict[str, NodeInfo] = json.loads(gzip.decompress((CAPTURED / "object_info.json.gz").read_bytes()))
    return {**nodes, PROBE: _probe(), SPEAKS: _speaks()}


def folder_of(node_class: str, name: str) -> str | None:
    """The model folder whose files an input offers; None for an input that names no model file."""
    if (node_class, name) in _FOLDER_OF_NODE_INPUT:
        return _FOLDER_OF_NODE_INPUT[node_class, name]
    folder = _FOLDER_OF_INPUT.get(name)
    if folder is None or node_class not in bare():
        return None
    for _, found, spec in inputs_of(bare()[node_class]):
        if found == name and options(spec) is not None:
            return folder
    return None


def inputs_of(info: NodeInfo) -> Iterator[tuple[bool, str, list[Any]]]:
    """(required, name, spec) of each input of a node class."""
    for group in ("required", "optional"):
        for name, spec in info["input"].get(group, {}).items():
            yield group == "required", name, spec


def options(spec: list[Any]) -> list[Any] | None:
    """The values that an input offers; None when it is no list."""
    if isinstance(spec[0], list):
        return spec[0]
    if spec[0] == "COMBO":
        found = spec[1].get("options")
        return found if isinstance(found, list) else None
    return None


def granular(info: NodeInfo, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as a latent can hold them: sizes and lengths between two of its steps become the lower one."""
    found = dict(inputs)
    if "LATENT" not in info["output"]:
        return found
    for _, name, spec in inputs_of(info):
        value = inputs.get(name)
        if name not in ("width", "height", "length") or not isinstance(value, int) or len(spec) < 2:
            continue
        step = int(spec[1].get("step", 1))
        rest = int(spec[1].get("default", 0)) % step
        found[name] = max((value - rest) // step * step + rest, rest or step)
    return found


def is_upload(spec: list[Any]) -> bool:
    """True for the input of a loader that takes an uploaded file."""
    return len(spec) > 1 and any(spec[1].get(flag) for flag in _UPLOADS)


@cache
def known_models() -> dict[str, tuple[str, ...]]:
    """Model files by folder: those of the captured templates, and those that the repository's bindings name."""
    found: dict[str, set[str]] = {
        folder: set(files) for folder, files in json.loads((CAPTURED / "models.json").read_bytes()).items()
    }
    for binding in (_ROOT / "comfyui-workflows").rglob("*.toml"):
        for folder, file in _named_models(binding):
            found.setdefault(folder, set()).add(file)
    return {folder: tuple(sorted(files)) for folder, files in sorted(found.items())}


def _named_models(binding: Path) -> Iterator[tuple[str, str]]:
    import tomllib

    def walk(value: object) -> Iterator[tuple[str, str]]:
        if isinstance(value, dict):
            if isinstance(value.get("folder"), str) and isinstance(value.get("file"), str):
                yield value["folder"], value["file"]
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    yield from walk(tomllib.loads(binding.read_text()))


def object_info(models: Mapping[str, Sequence[str]], uploads: list[str], without: list[str]) -> dict[str, NodeInfo]:
    """/object_info of a server that has these model files and uploaded files, and lacks the classes `without`."""
    nodes: dict[str, NodeInfo] = {}
    for node_class, info in bare().items():
        if node_class in without:
            continue
        groups = {}
        for group, specs in info["input"].items():
            groups[group] = specs
            if group in ("required", "optional"):
                groups[group] = {
                    name: _offering(node_class, name, spec, models, uploads) for name, spec in specs.items()
                }
        nodes[node_class] = {**info, "input": groups}
    return nodes


def _offering(
    node_class: str,
    name: str,
    spec: list[Any],
    models: Mapping[str, Sequence[str]],
    uploads: list[str],
) -> list[Any]:
    folder = folder_of(node_class, name)
    if folder is not None:
        files = [*(options(spec) or []), *models.get(folder, ())]
    elif is_upload(spec):
        files = uploads
    else:
        return spec
    return [files, *spec[1:]] if isinstance(spec[0], list) else [spec[0], {**spec[1], "options": files}]
