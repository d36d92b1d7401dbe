"""What a speech server's address and answers are taken for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from libs.contracts.errors import Permanent
from services.generator.voice.speech_server import LONGEST_ASKED_S, asked_wait, said, speech_url

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
KEY = "sk-live-0123456789abcdef"


@pytest.mark.parametrize(
    "text", ["http://voice:8880/v1", " http://voice:8880/v1/ ", "http://voice:8880/v1/audio/speech"]
)
def test_an_address_may_be_written_as_it_is_found(text: str) -> None:
    url = speech_url(text)
    assert (url.speech, url.models) == ("http://voice:8880/v1/audio/speech", "http://voice:8880/v1/models")
    assert url.host == "voice:8880"
    assert speech_url("https://[::1]/v1").speech == "https://[::1]/v1/audio/speech"


@pytest.mark.parametrize(
    "text",
    ["", "voice:8880", "ftp://voice/v1", "http://", "http://ann:secret@voice/v1", "http://voice:0/v1",
     "http://voice:99999/v1", "http://voice/v1?key=secret", "http://vo ice/v1", "http://voice/\r\nsecret"],
)  # fmt: skip
def test_what_is_no_address_is_not_repeated(text: str) -> None:
    with pytest.raises(Permanent) as caught:
        speech_url(text)
    assert caught.value.code == "bad_setting"
    assert "secret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("", None), ("soon", None), ("nan", None), ("1e999", None),
     ("999999999", LONGEST_ASKED_S), (format_datetime(NOW + timedelta(seconds=40)), 40.0),
     ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0), ("Sun, 99 Nov 1994 08:49:37 GMT", None)],
)  # fmt: skip
def test_how_long_a_server_asks_us_to_wait(value: str, seconds: float | None) -> None:
    assert asked_wait({"retry-after": value}, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error": {"message": "no voice", "type": "x"}}', "no voice"),
        (b'{"error": "no voice"}', "no voice"),
        (b'{"detail": "no voice"}', "no voice"),
        (b'{"detail": [{"loc": ["body"], "msg": "x"}]}', ""),
        (b"[1, 2]", ""),
        (b"plain\x1b[31m words\nin two lines", "plain [31m words in two lines"),
        (b"  <html>a page</html>", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"Incorrect key: " + KEY.encode(), "Incorrect key: ***"),
        (b'{"error": "Incorrect key: sk-live-****cdef, or 456789abc"}', "Incorrect key: *** or ***"),
        (b"x" * 9999, "x" * 159 + "…"),
        (b"", ""),
    ],
)
def test_a_servers_words_are_short_and_without_the_key(body: bytes, told: str) -> None:
    assert said(body, KEY) == told


def test_a_key_of_few_letters_is_hidden_too() -> None:
    assert said(b"you sent abc", "abc") == "you sent ***"
    assert said(b"you sent abc", "") == "you sent abc"
