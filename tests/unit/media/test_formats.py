"""A file's first bytes: what is opened, and what is refused before anything opens it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.media.formats import DEMUXERS, refers_elsewhere, sniff


@pytest.mark.parametrize(
    ("head", "demuxer"),
    [
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav"),
        (b"\x00\x00\x00\x20ftypM4A ", "mov"),
        (b"fLaC\x00", "flac"),
        (b"OggS\x00", "ogg"),
        (b"ID3\x04\x00", "mp3"),
        (b"\xff\xfb\x90\x00", "mp3"),
        (b"\xff\xf1\x50\x80", "aac"),
        (b"\x1aE\xdf\xa3", "matroska"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", None),
        (b"\x89PNG\r\n\x1a\n", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_the_demuxer_by_content(head: bytes, demuxer: str | None) -> None:
    assert sniff(head) == demuxer


@given(st.binary(max_size=600))
def test_only_demuxers_on_the_list_are_named(head: bytes) -> None:
    assert sniff(head) in {None, *DEMUXERS}


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U",
        "\ufeff \n#EXTM3U",
        "ffconcat version 1.0",
        "file '/etc/passwd'",
        '<?xml version="1.0"?><MPD>',
        "v=0\r\n",
        "[playlist]\n",
        "concat:/etc/passwd|/etc/shadow",
        "see https://example.org/a.mp3",
        "<svg/>",
    ],
)
def test_what_refers_elsewhere(text: str) -> None:
    assert refers_elsewhere(text.encode())


@given(st.text(st.characters(min_codepoint=97, max_codepoint=122)))
def test_plain_words_refer_to_nothing(text: str) -> None:
    assert not refers_elsewhere(text.encode()) or text.startswith(("file", "duration", "ffmetadata"))


def test_no_playlist_is_ever_opened() -> None:
    assert not {"hls", "concat", "dash", "sdp", "image2", "lavfi", "tee", "webm_dash_manifest"} & set(DEMUXERS)
