"""What real servers told over the websocket, read."""

from __future__ import annotations

import pytest

from services.generator.comfyui.events import Executing, Finished, How, PreviewImage, Progress, read
from tests.unit.generator.comfyui.captures import frames


@pytest.mark.parametrize(
    ("name", "steps", "how", "known"),
    [
        ("ws_progress_preview_metadata", 4, "success", True),
        ("ws_progress_preview_legacy", 4, "success", False),
        ("ws_0.3.64_normal", 2, "success", False),
        ("ws_error", 2, "error", False),
        ("ws_interrupt_by_id", 4, "interrupted", False),
    ],
)
def test_a_run_is_told(name: str, steps: int, how: How, known: bool) -> None:
    events = [event for frame in frames(name) for event in read(frame)]
    progress = [event for event in events if isinstance(event, Progress)]
    assert [event.value for event in progress] == list(range(1, steps + 1))
    (prompt_id,) = {event.prompt_id for event in progress}
    assert events[-2:] == [Finished(prompt_id, how), Finished(prompt_id, "over")]
    previews = [event for event in events if isinstance(event, PreviewImage)]
    assert len(previews) == steps
    assert {event.prompt_id for event in previews} == {prompt_id if known else None}
    assert all(event.image.startswith(b"\xff\xd8") and event.media_type == "image/jpeg" for event in previews)
    assert Executing(prompt_id, "2") in events


def test_a_socket_that_comes_back_is_told_the_node_without_its_prompt() -> None:
    events = [event for frame in frames("ws_drop_part2_reconnected") for event in read(frame)]
    assert events[0] == Executing(None, "2")
    assert isinstance(events[1], Progress)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        '{"type": "crystools.monitor", "data": {"cpu": 1}}',
        '{"type": "progress", "data": {"value": null, "max": 4, "prompt_id": "p"}}',
        '{"type": "executing", "data": {"node": null}}',
        b"",
        b"\0\0\0\1",
        b"\0\0\0\7\0\0\0\1abc",
        b"\0\0\0\4\0\0\0\2{]",
    ],
)
def test_what_is_not_known_is_passed_over(frame: str | bytes) -> None:
    assert list(read(frame)) == []
