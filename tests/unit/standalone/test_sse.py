"""Server-sent events, read line by line."""

from __future__ import annotations

from services.standalone.sse import Event, EventParser


def read(parser: EventParser, text: str) -> list[Event]:
    return [event for line in text.split("\n") if (event := parser.feed(line)) is not None]


def test_events_with_and_without_id() -> None:
    parser = EventParser()
    text = (
        'retry: 2000\n\n: keep-alive\n\nid: 7\nevent: stage_update\ndata: {"a": 1}\n\nevent: progress\ndata: {}\n\n'
    )
    assert read(parser, text) == [Event("stage_update", '{"a": 1}', "7"), Event("progress", "{}", "7")]
    assert (parser.last_id, parser.retry_s) == ("7", 2.0)


def test_data_of_several_lines_and_a_name_by_default() -> None:
    assert read(EventParser(), "data: one\ndata:two\n\n") == [Event("message", "one\ntwo", "")]


def test_half_an_event_is_dropped_at_a_new_connection_but_the_id_is_kept() -> None:
    parser = EventParser()
    assert read(parser, "id: 3\ndata: x\n\nevent: completed\ndata: {")[0].id == "3"
    parser.restart()
    assert parser.last_id == "3"
    assert read(parser, "data: y\n\n") == [Event("message", "y", "3")]


def test_an_id_counts_only_with_the_whole_event() -> None:
    parser = EventParser()
    read(parser, "id: 3\ndata: x\n\nid: 4\ndata: y")
    assert parser.last_id == "3"


def test_an_event_without_data_is_none() -> None:
    assert read(EventParser(), "event: x\n\n") == []
