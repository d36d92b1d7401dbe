"""A Piper model's graph, opened up: it tells the durations of its symbols, and takes its noise as an input.

As it is exported, a model draws its noise by itself, so that no two runs sound alike, and keeps its durations to
itself. Both are mended in the file's bytes, since that needs a page of code and the onnx package is large.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_LENGTH_DELIMITED = 2
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP = 1, 2, 4
_NAME = 1
_ZEROS = "beatloom_zeros"
_ZEROS_TENSOR = b"\x08\x03\x10\x07" + b"\x42" + bytes([len(_ZEROS)]) + _ZEROS.encode() + b"\x4a\x18" + bytes(24)
"""TensorProto: three zeros as int64, by this name."""
_FLOAT_TENSOR = b"\x12\x04\x0a\x02\x08\x01"
"""TypeProto as field 2 of a ValueInfoProto: a tensor of floats, of whatever shape."""


class Opened(NamedTuple):
    """The new bytes, and the names of what they take and give besides."""

    model: bytes
    durations: str
    """Output: frames of each symbol."""
    pace_noise: str
    """Input: normal noise of shape (1, 2, symbols)."""
    sound_noise: str
    """Input: normal noise of shape (1, channels, frames or more)."""
    sound_mean: str
    """Output, of shape (1, channels, frames): its type tells the channels."""


class _Field(NamedTuple):
    number: int
    wire: int
    payload: memoryview
    whole: memoryview


class _Node(NamedTuple):
    inputs: list[str]
    outputs: list[str]
    op: str


def open_up(model: bytes) -> Opened:
    """The same model with durations and noise outside. Raises ValueError for what is no Piper model."""
    rest: list[bytes | memoryview] = []
    graph: memoryview | None = None
    for field in _fields(memoryview(model)):
        if field.number == _MODEL_GRAPH:
            graph = field.payload
        else:
            rest.append(field.whole)
    if graph is None:
        raise ValueError("the file holds no graph")
    parts: list[bytes | memoryview] = []
    before: list[_Node] = []
    after: list[_Node] = []
    durations: list[str] = []
    for field in _fields(graph):
        node = _node(field.payload) if field.number == _GRAPH_NODE else None
        if node is not None and node.op == "Ceil":
            durations += node.outputs
        if node is None or node.op != "RandomNormalLike":
            parts.append(field.whole)
        elif durations:
            after.append(node)
            parts += _cut_to_size(node)
        else:
            before.append(node)
    if not len(before) == len(after) == len(durations) == 1:
        raise ValueError("its durations or its noise are not where Piper has them")
    pace_noise, sound_noise = before[0].outputs[0], _uncut(after[0])
    sound_mean = after[0].inputs[0]
    parts.append(_message(_GRAPH_INITIALIZER, _ZEROS_TENSOR))
    parts += [_message(_GRAPH_INPUT, _value(name)) for name in (pace_noise, sound_noise)]
    parts += [_message(_GRAPH_OUTPUT, _value(name)) for name in (durations[0], sound_mean)]
    return Opened(
        model=b"".join([*rest, _message(_MODEL_GRAPH, b"".join(parts))]),
        durations=durations[0],
        pace_noise=pace_noise,
        sound_noise=sound_noise,
        sound_mean=sound_mean,
    )


def _uncut(noise: _Node) -> str:
    return f"{noise.outputs[0]}_uncut"


def _cut_to_size(noise: _Node) -> list[bytes]:
    """Nodes that take the noise from an input instead: as much of it as the node would have made."""
    shape = f"{noise.outputs[0]}_shape"
    return [
        _new_node("Shape", noise.inputs[:1], shape),
        _new_node("Slice", [_uncut(noise), _ZEROS, shape], noise.outputs[0]),
    ]


def _new_node(op: str, inputs: list[str], output: str) -> bytes:
    fields = [_message(_NODE_INPUT, name.encode()) for name in inputs]
    fields += [_message(_NODE_OUTPUT, output.encode()), _message(_NODE_OP, op.encode())]
    return _message(_GRAPH_NODE, b"".join(fields))


def _node(payload: memoryview) -> _Node:
    node = _Node([], [], "")
    for field in _fields(payload):
        if field.number == _NODE_INPUT:
            node.inputs.append(_text(field))
        elif field.number == _NODE_OUTPUT:
            node.outputs.append(_text(field))
        elif field.number == _NODE_OP:
            node = node._replace(op=_text(field))
    return node


def _text(field: _Field) -> str:
    return bytes(field.payload).decode(errors="replace")


def _value(name: str) -> bytes:
    return _message(_NAME, name.encode()) + _FLOAT_TENSOR


def _message(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _fields(data: memoryview) -> Iterator[_Field]:
    """The fields of a protobuf message, one after the other. Raises ValueError where it is none."""
    at = 0
    while at < len(data):
        start = at
        key, at = _read_varint(data, at)
        wire = key & 7
        if wire == _LENGTH_DELIMITED:
            length, at = _read_varint(data, at)
        elif wire == 0:
            _, end = _read_varint(data, at)
            length = end - at
        elif wire in {1, 5}:
            length = 8 if wire == 1 else 4
        else:
            raise ValueError("the file is no ONNX model")
        if at + length > len(data):
            raise ValueError("the file is cut off")
        yield _Field(key >> 3, wire, data[at : at + length], data[start : at + length])
        at += length


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("the file is no ONNX model")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at
