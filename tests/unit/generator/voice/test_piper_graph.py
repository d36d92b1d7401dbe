"""A model's bytes, opened up: what is no Piper model is told, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.voice.piper_graph import open_up


def message(number: int, payload: bytes) -> bytes:
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


def node(op: str, takes: str, gives: str) -> bytes:
    return message(1, message(1, takes.encode()) + message(2, gives.encode()) + message(4, op.encode()))


PACE, COUNT, SOUND = (
    node("RandomNormalLike", "a", "pace"),
    node("Ceil", "b", "frames"),
    node("RandomNormalLike", "mean", "noise"),
)


def model(*nodes: bytes) -> bytes:
    return b"\x08\x08" + message(7, b"".join(nodes))


def test_noise_becomes_an_input_and_durations_an_output() -> None:
    opened = open_up(model(PACE, COUNT, SOUND))
    assert opened.durations == "frames"
    assert opened.pace_noise == "pace"
    assert opened.sound_mean == "mean"
    assert b"RandomNormalLike" not in opened.model
    assert opened.sound_noise.encode() in opened.model


@pytest.mark.parametrize(
    "nodes",
    [
        [],
        [PACE, SOUND],
        [PACE, COUNT],
        [COUNT, PACE, SOUND],
        [PACE, COUNT, COUNT, SOUND],
        [PACE, COUNT, SOUND, SOUND],
    ],
)
def test_a_model_of_another_kind_is_told(nodes: list[bytes]) -> None:
    with pytest.raises(ValueError, match="not where Piper has them"):
        open_up(model(*nodes))


@given(
    st.binary(max_size=200)
    | st.binary(max_size=200).map(lambda data: model(PACE, COUNT, SOUND)[: len(data)] + data)
)
def test_any_other_bytes_are_told(data: bytes) -> None:
    try:
        open_up(data)
    except ValueError:
        return
