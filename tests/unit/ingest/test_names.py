"""Names from users are shown, never trusted."""

import pytest

from services.ingest.names import MAX_NAME_CHARS, content_disposition, display_name, stem


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("song.mp3", "song.mp3"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Music\\My Song.wav", "My Song.wav"),
        ("a\r\nSet-Cookie: x=1.mp3", "a Set-Cookie: x=1.mp3"),
        ("a\x00b\x1b[31mc.mp3", "ab[31mc.mp3"),
        ("evil\u202e3pm.exe", "evil3pm.exe"),
        ('say "hi" $(reboot).mp3', 'say "hi" $(reboot).mp3'),
        ("..", "song"),
        ("", "song"),
        ("/", "song"),
        ("  .. ", "song"),
        ("Bjo\u0308rk.mp3", "Björk.mp3"),
        ("a\u2028b", "a b"),
        ("\ud800.mp3", "mp3"),
    ],
)
def test_a_display_name_has_no_path_and_nothing_hidden(raw: str, shown: str) -> None:
    assert display_name(raw) == shown


def test_a_display_name_is_short() -> None:
    assert len(display_name("x" * 5000)) == MAX_NAME_CHARS


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("song.mp3", "song"),
        ("a.b.flac", "a.b"),
        ("no extension", "no extension"),
        (".mp3", ".mp3"),
        ("Vol. 2", "Vol. 2"),
    ],
)
def test_the_stem_loses_only_an_extension(name: str, head: str) -> None:
    assert stem(name) == head


def test_a_header_cannot_be_broken_out_of() -> None:
    header = content_disposition('a"; filename=evil\r\nX: 1 $(ls) é.mp4')
    assert header.isascii()
    assert not {"\r", "\n"} & set(header)
    quoted = header.split('filename="')[1].split('"')[0]
    assert ";" not in quoted and "$" not in quoted
    assert header.endswith("filename*=UTF-8''a%22%3B%20filename%3Devil%0D%0AX%3A%201%20$%28ls%29%20%C3%A9.mp4")
