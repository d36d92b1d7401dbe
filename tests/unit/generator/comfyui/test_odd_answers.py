"""Answers in unexpected shapes: what is of use is read, the rest is a ValueError, and no number is without end."""

from __future__ import annotations

import math
from typing import Any

import pytest

from services.generator.comfyui import answers
from services.generator.comfyui.answers import HistoryEntry, OutputFile
from services.generator.comfyui.errors import LETTERS, ExecutionFailed, OutputGone, brief
from services.generator.comfyui.truth import Failed, ended

CLIP = {"filename": "a.mp4", "subfolder": "s", "type": "output"}


def entry(outputs: Any, messages: Any = (), status: str = "success") -> HistoryEntry:
    """The history of a prompt, as a server tells it."""
    status_of = {"status_str": status, "completed": True, "messages": list(messages)}
    found = answers.read_history({"p": {"outputs": outputs, "status": status_of}, "q": 5}, "p")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        "text",
        5,
        {"images": None},
        {"images": {"filename": "a.mp4"}},
        {"images": [None, 5, "a.mp4", ["a.mp4"], {}]},
        {"images": [{"filename": name} for name in (None, 5, "", "a\0.mp4", "a\n.mp4", "x" * 10_000, ["a.mp4"])]},
        {"images": [CLIP | {"subfolder": folder} for folder in (["s"], 5, "s\0", "x" * 10_000)]},
        {"images": [CLIP | {"type": kind} for kind in ("temp", "input", 5, ["output"])]},
    ],
)
def test_outputs_of_any_shape_hide_no_file(odd: Any) -> None:
    assert entry({"1": odd}).outputs == {}
    assert entry({"1": odd, "9": {"gifs": [CLIP]}}).outputs == {"9": (OutputFile("a.mp4", "s", "output", "9"),)}


@pytest.mark.parametrize("outputs", [None, {}])
def test_no_outputs_are_none(outputs: Any) -> None:
    assert entry(outputs).outputs == {}


@pytest.mark.parametrize("outputs", [[], "text", 5])
def test_outputs_that_are_no_object_can_not_be_read(outputs: Any) -> None:
    with pytest.raises(ValueError):
        entry(outputs)


@pytest.mark.parametrize(
    "times", [(math.nan, 1), (0, math.inf), (0, 10**400), (0, 1e300), (-(10**30), 5), (0, 1e15), ("0", "5"), (7,)]
)
def test_a_broken_clock_tells_nothing(times: tuple[Any, ...]) -> None:
    messages = [[f"execution_{number}", {"timestamp": time}] for number, time in enumerate(times)]
    assert entry({}, messages).seconds is None


def test_messages_of_any_shape_are_passed_over() -> None:
    odd = [None, 5, [], ["execution_error"], ["execution_error", None], [["a"], {}], ["a", {}, 1]]
    cached = [["execution_cached", {"nodes": [1, ["9"], None, "8"]}], ["execution_start", {"timestamp": 1000}]]
    found = entry({}, [*odd, *cached, ["execution_success", {"timestamp": 3500}]])
    assert found.seconds == 2.5
    assert found.cached == {"8"}
    assert found.error is None
    assert entry({}, [["execution_cached", {"nodes": 5}]]).cached == frozenset()


def test_a_failure_of_any_size_is_one_short_line() -> None:
    said = dict.fromkeys(("node_id", "node_type", "exception_type"), "x\n\x1b[31m" * 1000000)
    messages = [["execution_error", said | {"exception_message": "CUDA error: " + "y\r\n" * 1_000_000}]]
    failed = ended(entry({}, messages, "error"))
    assert isinstance(failed, Failed)
    error = failed.error
    assert isinstance(error, ExecutionFailed)
    assert error.infrastructure
    for text in (
        str(error),
        error.message,
        error.kind,
        error.node_id,
        error.class_type,
        str(OutputGone("a\n" * 999)),
    ):
        assert text.isprintable()
        assert 0 < len(text) <= LETTERS


def test_brief_keeps_words() -> None:
    assert brief("  Größe\t5 GB\n— 日本 \ud800 ") == "Größe 5 GB — 日本"
    assert brief("abcdef", 4) == "abc…"


def test_a_history_of_thousands_and_of_another_prompt() -> None:
    many: dict[str, Any] = {str(number): {"outputs": 5} for number in range(10_000)}
    assert answers.read_history(many, "p") is None
    with pytest.raises(ValueError):
        answers.read_history({"p": 5}, "p")


@pytest.mark.parametrize("number", [10**400, "1", None, True, [1]])
def test_a_queue_has_an_order_whatever_its_numbers_are(number: Any) -> None:
    pending = [[number, "a", {}], [-5, "b", {}], [number, "c", {}]]
    assert set(answers.read_queue({"queue_running": [], "queue_pending": pending}).pending) == {"a", "b", "c"}


@pytest.mark.parametrize("vram", [-1, 10**30, 1.5, None, "24 GB", True])
def test_memory_is_a_number_of_bytes(vram: Any) -> None:
    device = {"name": "x" * 10_000 + "\n", "type": "cuda", "vram_total": vram, "vram_free": 0}
    system = {"comfyui_version": None, "python_version": "3.12\nx", "ram_total": 5}
    with pytest.raises(ValueError):
        answers.read_stats({"system": system, "devices": [device]})
    stats = answers.read_stats({"system": system, "devices": [device | {"vram_total": 5}]})
    assert (stats.version, stats.python) == ("", "3.12")
    assert len(stats.devices[0].name) <= 100


@pytest.mark.parametrize(
    "said",
    [{}, {"name": ""}, {"name": 5}, {"name": "a\n"}, {"name": "a", "subfolder": ["b"]}, [], {"name": "a" * 999}],
)
def test_an_upload_without_a_name_can_not_be_used(said: Any) -> None:
    with pytest.raises(ValueError):
        answers.read_upload(said)


def test_an_upload_may_say_more() -> None:
    assert answers.read_upload({"name": "a.png", "subfolder": "b", "size": 5, "asset": None}) == "b/a.png"
