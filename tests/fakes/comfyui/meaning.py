"""What flows through a graph: no pixels, only what a picture, clip or sound would be. Pure."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Media(NamedTuple):
    """A picture or clip (frames > 0) with or without sound (seconds > 0); neither for models and text."""

    width: int = 0
    height: int = 0
    frames: int = 0
    fps: float = 0.0
    seconds: float = 0.0
    seed: int = 0
    steps: int = 0
    """What a scheduler upstream asked for."""
    factor: float = 1.0
    """By which an upscaling model enlarges."""


Value = Any  # Media, a plain value, or a tuple with one of these for each slot

LETTER_S = 0.05
"""What the double's voice takes for a letter."""

_PICTURE_INPUTS = (
    "latent_image", "latent", "samples", "video_latent", "images", "image", "frames", "pixels", "video", "input",
    "av_latent", "image1", "audio", "audio_latent", "latent1", "samples1",
)  # fmt: skip
"""In this order: the first that holds a picture says its size."""


def digest(node_class: str, inputs: Mapping[str, Any]) -> int:
    """A number that follows from the class and all inputs but the file's name."""
    told = {name: value for name, value in sorted(inputs.items()) if name != "filename_prefix"}
    return int(hashlib.sha256(json.dumps([node_class, told], default=str).encode()).hexdigest()[:15], 16)


def picked(value: Value, slot: int) -> Value:
    """What comes out of one slot."""
    if isinstance(value, tuple) and not isinstance(value, Media):
        return value[min(slot, len(value) - 1)]
    return value


def is_sampler(node_class: str, inputs: Mapping[str, Any]) -> bool:
    """True for a node that ticks through steps."""
    if "latent_image" in inputs and ("model" in inputs or "guider" in inputs):
        return True
    return node_class in ("MVProbeSampler", "ImageUpscaleWithModel", "FrameInterpolate")


def steps(inputs: Mapping[str, Any]) -> int:
    """How often a sampler ticks."""
    if isinstance(inputs.get("steps"), int):
        return max(int(inputs["steps"]), 1)
    told = [value.steps for value in inputs.values() if isinstance(value, Media) and value.steps]
    return max(told, default=4)


def evaluate(node_class: str, inputs: Mapping[str, Any], loaded: Media | None) -> Value:
    """What a node gives. `inputs`: plain values and what the linked nodes gave; `loaded`: of a loader of files."""
    if node_class in _PLAIN:
        return _PLAIN[node_class](inputs)
    seed = digest(node_class, inputs)
    if loaded is not None:
        return loaded._replace(seed=seed)
    media = _reshaped(node_class, inputs, _merged(inputs))._replace(seed=seed)
    if node_class == "GetVideoComponents":
        return media, media, media.fps or 24.0, 8, "auto"
    return media


def _merged(inputs: Mapping[str, Any]) -> Media:
    media = {name: value for name, value in inputs.items() if isinstance(value, Media)}
    order = sorted(media, key=lambda name: _PICTURE_INPUTS.index(name) if name in _PICTURE_INPUTS else 99)
    found = Media()
    for name in order:
        value = media[name]
        if not found.frames and value.frames:
            found = found._replace(width=value.width, height=value.height, frames=value.frames)
        found = found._replace(
            fps=found.fps or value.fps,
            seconds=max(found.seconds, value.seconds),
            steps=max(found.steps, value.steps),
            factor=max(found.factor, value.factor),
        )
    return found


def _number(inputs: Mapping[str, Any], *names: str) -> float:
    for name in names:
        value = inputs.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    return 0.0


def _reshaped(node_class: str, inputs: Mapping[str, Any], media: Media) -> Media:
    width, height = _number(inputs, "width", "resize_type.width"), _number(inputs, "height", "resize_type.height")
    if width or height:
        shape = media.width / media.height if media.height else 1.0
        width, height = width or height * shape, height or width / shape
        media = media._replace(width=int(width), height=int(height), frames=media.frames or 1)
        if not isinstance(inputs.get("image"), Media) and not _number(inputs, "length", "video_frames"):
            media = media._replace(frames=max(int(_number(inputs, "batch_size")), media.frames))
    if length := int(_number(inputs, "length", "video_frames")):
        shorter = node_class == "ImageFromBatch"
        media = media._replace(frames=min(length, media.frames) if shorter else length)
        if node_class.endswith("Extend"):
            before = inputs.get("video_latent")
            media = media._replace(frames=length + (before.frames if isinstance(before, Media) else 0))
    pictures = [value for value in inputs.values() if isinstance(value, Media) and value.frames]
    if node_class in ("ImageBatch", "BatchImagesNode", "LatentConcat"):
        media = media._replace(frames=sum(one.frames for one in pictures))
    if amount := int(_number(inputs, "amount")):
        media = media._replace(frames=media.frames * amount)
    if node_class == "FrameInterpolate":
        media = media._replace(frames=(media.frames - 1) * int(_number(inputs, "multiplier")) + 1)
    media = _scaled(node_class, inputs, media)
    if seconds := _number(inputs, "seconds", "duration"):
        media = media._replace(seconds=seconds)
    if count := _number(inputs, "frames_number"):
        media = media._replace(seconds=count / (_number(inputs, "frame_rate") or 25.0))
    if node_class == "CreateVideo":  # sound that only steered the picture is not heard
        heard = inputs.get("audio")
        media = media._replace(seconds=heard.seconds if isinstance(heard, Media) else 0.0)
    steps_told = inputs.get("steps")
    return media._replace(
        fps=_number(inputs, "fps", "frame_rate") or media.fps,
        steps=steps_told if isinstance(steps_told, int) else media.steps,
    )


def _scaled(node_class: str, inputs: Mapping[str, Any], media: Media) -> Media:
    factor = _number(inputs, "scale_by", "resize_type.multiplier") or 1.0
    longest, shortest = max(media.width, media.height, 1), max(min(media.width, media.height), 1)
    if node_class == "LTXVLatentUpsampler":
        factor = 2.0
    elif node_class == "ImageUpscaleWithModel":
        factor = media.factor
    elif node_class == "UpscaleModelLoader":
        named = re.search(r"(?:x(\d))|(?:(\d)x)", str(inputs.get("model_name", "")).lower())
        return media._replace(factor=float(named.group(1) or named.group(2)) if named else 4.0)
    elif megapixels := _number(inputs, "megapixels", "resize_type.megapixels"):
        factor = math.sqrt(megapixels * 1024 * 1024 / (longest * shortest))
    elif size := _number(inputs, "resize_type.longer_size"):
        factor = size / longest
    elif size := _number(inputs, "resize_type.shorter_size"):
        factor = size / shortest
    if factor == 1.0:
        return media
    return media._replace(width=max(round(media.width * factor), 1), height=max(round(media.height * factor), 1))


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "floor": math.floor, "ceil": math.ceil, "round": round, "min": min, "max": max, "int": int, "float": float,
    "abs": abs, "sqrt": math.sqrt,
}  # fmt: skip


def _expression(inputs: Mapping[str, Any]) -> Value:
    names = {name.partition(".")[2]: value for name, value in inputs.items() if name.startswith("values.")}

    def at(node: ast.AST) -> Any:
        match node:
            case ast.Expression(body=body):
                return at(body)
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return names.get(name, 0)
            case ast.BinOp(left=left, op=op, right=right):
                return _OPERATORS[type(op)](at(left), at(right))
            case ast.UnaryOp(op=op, operand=operand):
                return _OPERATORS[type(op)](at(operand))
            case ast.Call(func=ast.Name(id=name), args=args):
                return _FUNCTIONS[name](*map(at, args))
        raise ValueError(f"{ast.dump(node)} is not arithmetic")

    result = at(ast.parse(str(inputs.get("expression", "0")), mode="eval"))
    return float(result), int(result), bool(result)


def _size(inputs: Mapping[str, Any]) -> Value:
    media = _merged(inputs)
    return media.width, media.height, media.frames


def _resolution(inputs: Mapping[str, Any]) -> Value:
    across, _, down = re.sub(r"[^\d:]", "", str(inputs.get("aspect_ratio", "1:1"))).partition(":")
    shape = (int(across or 1) / int(down or 1)) or 1.0
    pixels = (_number(inputs, "megapixels") or 1.0) * 1024 * 1024
    unit = int(_number(inputs, "multiple")) or 8
    height = math.sqrt(pixels / shape)
    return round(height * shape / unit) * unit, round(height / unit) * unit


def _spoken(inputs: Mapping[str, Any]) -> Value:
    seconds = len(str(inputs.get("text", ""))) * LETTER_S / (_number(inputs, "speed") or 1.0)
    return Media(seconds=seconds, seed=digest("MVSpeak", inputs))


_PLAIN: dict[str, Callable[[Mapping[str, Any]], Value]] = {
    "MVSpeak": _spoken,
    **{
        f"Primitive{kind}": lambda inputs: (inputs.get("value"),)
        for kind in ("Int", "Float", "Boolean", "String", "StringMultiline")
    },
    "ComfyMathExpression": _expression,
    "ComfySwitchNode": lambda inputs: inputs.get("on_true" if inputs.get("switch") else "on_false"),
    "CustomCombo": lambda inputs: (inputs.get("choice"),),
    "GetImageSize": _size,
    "ResolutionSelector": _resolution,
}
