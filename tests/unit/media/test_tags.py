"""Titles as people write them are shown; names of files and takes are not."""

from __future__ import annotations

import pytest

from libs.media.tags import song_title


@pytest.mark.parametrize(
    ("tag", "title"),
    [
        ("Morning Light", "Morning Light"),
        ("  Morning \n Light ", "Morning Light"),
        ("03 - Morning Light", "Morning Light"),
        ("7. Sommer", "Sommer"),
        ("99 Luftballons", "99 Luftballons"),
        ("1999", ""),
        ("Поезд", "Поезд"),
        ("夜に駆ける", "夜に駆ける"),
        ("d01_pop_rock", ""),
        ("final mix.wav", ""),
        ("Track 01", ""),
        ("Untitled", ""),
        ("New Recording 12", ""),
        ("Songbird", "Songbird"),
        ("x" * 121, ""),
        ("", ""),
    ],
)
def test_titles(tag: str, title: str) -> None:
    assert song_title({"TITLE": tag, "artist": "Anna"}) == title


def test_files_without_a_title() -> None:
    assert song_title({"encoder": "Lavf"}) == ""
