"""What is shown while a video is made."""

from __future__ import annotations

import io

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.standalone.progress import PlainDisplay, Shown, advance, clock, open_display, plain_line
from services.standalone.render import show_event
from services.standalone.sse import Event


class Recorder:
    """A display that remembers."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.notes: list[str] = []

    def show(self, shown: Shown) -> None:
        self.shown.append(shown)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def close(self) -> None:
        pass


def event(name: str, **data: object) -> Event:
    return Event(name, msgspec.json.encode(data).decode(), "")


@given(st.lists(st.floats(-10, 200)))
def test_percent_never_falls_and_stays_within_the_whole(percents: list[float]) -> None:
    shown, last = Shown(), 0.0
    for percent in percents:
        shown = advance(shown, percent=percent)
        assert last <= shown.percent <= 100.0
        last = shown.percent


def test_time_left_is_told_in_minutes_and_only_when_known() -> None:
    assert clock(None) == ""
    assert clock(64.6) == "about 1:05 left"
    assert clock(0.0) == "about 0:01 left"


def test_a_line_says_stage_doing_and_time() -> None:
    shown = Shown(stage="generating", percent=41.6, doing="scene 7 of 15", seconds_left=65)
    assert plain_line(shown) == " 42 %  Drawing scenes: scene 7 of 15, about 1:05 left"
    assert plain_line(Shown(stage="planning", percent=6)) == "  6 %  Planning"


def test_lines_come_with_each_stage_each_tenth_and_after_a_while() -> None:
    out, now = io.StringIO(), [0.0]
    display = PlainDisplay(out, lambda: now[0])
    for percent in (10.0, 10.5, 15.0):
        display.show(Shown(stage="generating", percent=percent))
    display.show(Shown(stage="generating", percent=20.0))
    now[0] = 11.0
    display.show(Shown(stage="generating", percent=20.0))
    display.show(Shown(stage="generating", percent=21.0))
    display.show(Shown(stage="composing", percent=21.0))
    told = [line.split(" %")[0].strip() for line in out.getvalue().splitlines()]
    assert told == ["10", "20", "21", "21"]


def test_what_is_no_terminal_gets_plain_lines() -> None:
    assert isinstance(open_display(io.StringIO()), PlainDisplay)


def test_events_become_what_is_shown() -> None:
    display = Recorder()
    shown = show_event(event("stage_update", status="generating"), Shown(), display)
    progress = {"stage": "generating", "percent": 30.0, "doing": "scene 1 of 3", "seconds_left": 4.0}
    shown = show_event(event("progress", **progress), shown, display)
    assert shown == Shown(stage="generating", percent=30.0, doing="scene 1 of 3", seconds_left=4.0)
    assert show_event(event("message", level="warning", message="It is silent."), shown, display) == shown
    assert display.notes == ["warning: It is silent."]
    shown = show_event(event("snapshot", job={"stage": "composing", "percent": 12.0}), shown, display)
    assert (shown.stage, shown.percent) == ("composing", 30.0)
    assert show_event(event("something_new", x=1), shown, display) == shown
