"""Files are named by their bytes and end as their content says, whatever they are called here."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.generator.comfyui.uploads import ending_of, looked_at


@pytest.mark.parametrize(
    ("head", "ending"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ".png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", ".jpg"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", ".webp"),
        (b"RIFF\x24\0\0\0WAVEfmt ", ".wav"),
        (b"RIFF\x24\0\0\0AVI LIST", ""),
        (b"fLaC\0\0\0\x22", ".flac"),
        (b"\0\0\0\x20ftypisom", ".mp4"),
        (b"RIFF", ""),
        (b"", ""),
        (b"nothing that is known", ""),
    ],
)
def test_the_ending_is_that_of_the_content(head: bytes, ending: str) -> None:
    assert ending_of(head) == ending


async def test_the_same_bytes_have_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\x89PNG\r\n\x1a\nabc")
    (tmp_path / "b.jpg").write_bytes(b"\x89PNG\r\n\x1a\nabc")
    (tmp_path / "c.xyz").write_bytes(b"what is this")
    found = await looked_at({name: tmp_path / name for name in ("a", "b.jpg", "c.xyz")})
    assert found["a"].name == found["b.jpg"].name
    assert found["a"].name.startswith("beatloom-")
    assert [file.ending for file in found.values()] == [".png", ".png", ".xyz"]
