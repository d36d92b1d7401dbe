"""What a server tells over its websocket, as typed events. Pure.

Events are for progress and previews only. They come before the history is written, are never told again, and stop
without a word when another socket takes the same client id: what is true, `truth.py` says.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeGuard

import msgspec
from msgspec import Struct

HELLO = '{"type":"feature_flags","data":{"supports_preview_metadata":true}}'
"""Sent first: then newer servers say to which prompt a preview belongs."""

_PREVIEW, _PREVIEW_WITH_METADATA = 1, 4
_IMAGE_TYPES = {1: "image/jpeg", 2: "image/png"}
_MOST_STEPS = 1e9

How = Literal["success", "error", "interrupted", "over"]

_ENDS: Mapping[str, How] = {
    "execution_success": "success",
    "execution_error": "error",
    "execution_interrupted": "interrupted",
    "executing": "over",
}


class Connected(Struct, frozen=True):
    """The socket stands, anew. What happened before is not told again: reconcile all open prompts."""


class Disconnected(Struct, frozen=True):
    """The socket is gone; another one is tried."""

    reason: str


class Executing(Struct, frozen=True):
    """A node begins. A socket that comes back in mid-run is told the node without its prompt."""

    prompt_id: str | None
    node: str


class Progress(Struct, frozen=True):
    """A node did step `value` of `maximum`."""

    prompt_id: str
    node: str
    value: float
    maximum: float


class Finished(Struct, frozen=True):
    """A prompt has ended; its history may not be written yet. `over`: the server has turned to the next one."""

    prompt_id: str
    how: How


class PreviewImage(Struct, frozen=True):
    """A small picture of what is being made, JPEG or PNG; older servers don't say of which prompt."""

    prompt_id: str | None
    image: bytes
    media_type: str


Event = Connected | Disconnected | Executing | Progress | Finished | PreviewImage


class _Message(Struct):
    type: str
    data: dict[str, Any] = {}


def read(message: str | bytes) -> Iterator[Event]:
    """The events of one frame, none for what is not needed or can't be read.

    A step is told twice, as `progress` and within `progress_state`; the first is taken.
    """
    if isinstance(message, bytes):
        preview = _preview(message)
        if preview is not None:
            yield preview
        return
    try:
        said = msgspec.json.decode(message, type=_Message)
    except (ValueError, RecursionError):
        return
    event = _event(said.type, said.data)
    if event is not None:
        yield event


def _event(kind: str, data: Mapping[str, Any]) -> Event | None:
    prompt_id, node = data.get("prompt_id"), data.get("node")
    if not isinstance(prompt_id, str | None) or not isinstance(node, str | int | None):
        return None
    if kind == "executing" and node is not None:
        return Executing(prompt_id=prompt_id, node=str(node))
    if prompt_id is None:
        return None
    if kind == "progress":
        value, maximum = data.get("value"), data.get("max")
        if _counts(value) and _counts(maximum):
            return Progress(prompt_id=prompt_id, node=str(node), value=float(value), maximum=float(maximum))
    how = _ENDS.get(kind)
    return None if how is None else Finished(prompt_id, how)


def _counts(value: object) -> TypeGuard[int | float]:
    """Whether it can be a number of steps; a server's numbers can be of any size."""
    return isinstance(value, (int, float)) and abs(value) <= _MOST_STEPS


def _preview(frame: bytes) -> PreviewImage | None:
    """Four bytes say what the frame is, four more what the picture is, or how long the JSON before it is."""
    if len(frame) < 8:
        return None
    kind, second = struct.unpack(">II", frame[:8])
    if kind == _PREVIEW and second in _IMAGE_TYPES:
        return PreviewImage(prompt_id=None, image=frame[8:], media_type=_IMAGE_TYPES[second])
    if kind == _PREVIEW_WITH_METADATA:
        try:
            data = msgspec.json.decode(frame[8 : 8 + second], type=dict[str, Any])
        except (ValueError, RecursionError):
            return None
        prompt_id, media_type = data.get("prompt_id"), data.get("image_type", "image/jpeg")
        if media_type not in _IMAGE_TYPES.values() or len(frame) <= 8 + second:
            return None
        return PreviewImage(
            prompt_id=prompt_id if isinstance(prompt_id, str) else None,
            image=frame[8 + second :],
            media_type=media_type,
        )
    return None
