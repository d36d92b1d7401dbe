"""Ranges and validators of downloads, by the RFC's own cases and by nonsense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.ranges import Answer, Span, answer, etag

TAG = etag("ab" * 32)


def ask(range_: str = "", *, size: int = 1000, if_range: str = "", if_none_match: str = "") -> Answer:
    return answer(size=size, tag=TAG, range_=range_, if_range=if_range, if_none_match=if_none_match)


@pytest.mark.parametrize(
    ("range_", "status", "start", "end"),
    [
        ("", 200, 0, 1000),
        ("bytes=0-0", 206, 0, 1),
        ("bytes=0-499", 206, 0, 500),
        ("bytes=500-", 206, 500, 1000),
        ("bytes=-1", 206, 999, 1000),
        ("bytes=-5000", 206, 0, 1000),
        ("bytes=900-99999", 206, 900, 1000),
        ("BYTES = 1 - 2", 206, 1, 3),
        ("bytes=1000-", 416, 0, 0),
        ("bytes=1000-2000", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=0-1,5-6", 200, 0, 1000),
        ("bytes=5-1", 200, 0, 1000),
        ("bytes=-", 200, 0, 1000),
        ("bytes=a-b", 200, 0, 1000),
        ("bytes=" + "9" * 500 + "-", 200, 0, 1000),
        ("lines=1-2", 200, 0, 1000),
        ("bytes=--1", 200, 0, 1000),
        ("bytes=٣-٤", 200, 0, 1000),
    ],
)
def test_one_range_is_served_and_nonsense_gets_the_whole(range_: str, status: int, start: int, end: int) -> None:
    found = ask(range_)
    assert found.status == status
    if status != 416:
        assert found.span == Span(start, end)


def test_an_empty_file_has_no_ranges() -> None:
    assert ask("bytes=0-", size=0).status == 416
    assert ask("", size=0) == Answer(200, Span(0, 0))


def test_validators() -> None:
    assert ask(if_none_match=TAG).status == 304
    assert ask(if_none_match=f'"other", W/{TAG}').status == 304
    assert ask(if_none_match="*").status == 304
    assert ask("bytes=0-1", if_none_match='"other"').status == 206
    assert ask("bytes=0-1", if_range=TAG).status == 206
    assert ask("bytes=0-1", if_range='"older"').status == 200
    assert ask("bytes=0-1", if_range=f"W/{TAG}").status == 200, "a weak validator never joins two parts"
    assert ask("bytes=0-1", if_range="Sat, 21 Nov 2026 04:00:00 GMT").status == 200


@given(st.text(max_size=40) | st.from_regex(r"bytes=[0-9]{0,5}-[0-9]{0,5}", fullmatch=True), st.integers(0, 2000))
def test_a_span_never_leaves_the_file(range_: str, size: int) -> None:
    found = ask(range_, size=size)
    assert 0 <= found.span.start <= found.span.end <= size
    if found.status == 206:
        assert found.span.start < found.span.end
