"""The archive of a data export: a ZIP file that any reader takes, the same whichever part is asked for."""

import io
import random
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.ingest.my_data.archive import Archive, Entry, Manifest, unique
from services.ingest.my_data.holdings import HOLDINGS, erased_tables, unlisted
from services.ingest.my_data.paths import blobs_of, path_of
from services.ingest.schema import metadata

AT = datetime(2026, 11, 22, 4, 30, 10, tzinfo=UTC)


def archive_of(files: dict[str, bytes]) -> tuple[Archive, dict[str, bytes]]:
    """An archive, and the objects that its files lie in: the even ones one behind the other in the same."""
    entries, objects = [], {"documents": b""}
    for number, (path, data) in enumerate(files.items()):
        key = f"blob/{number}" if number % 2 else "documents"
        start = len(objects.get(key, b""))
        objects[key] = objects.get(key, b"") + data
        entries.append(Entry(path=path, size=len(data), crc32=zlib.crc32(data), key=key, start=start))
    return Archive(Manifest(made_at=AT, entries=tuple(entries))), objects


def part(archive: Archive, objects: dict[str, bytes], start: int, end: int) -> bytes:
    """Its bytes."""
    pieces = archive.pieces(start, end)
    return b"".join(one if isinstance(one, bytes) else objects[one.key][one.start : one.end] for one in pieces)


def test_any_part_is_the_same_as_of_the_whole() -> None:
    chance = random.Random(7)
    files = {f"folder/{number} ü.txt": chance.randbytes(chance.choice((0, 1, 7, 300))) for number in range(60)}
    archive, objects = archive_of(files)
    whole = part(archive, objects, 0, archive.size)
    assert len(whole) == archive.size
    with zipfile.ZipFile(io.BytesIO(whole)) as read:
        assert {name: read.read(name) for name in read.namelist()} == files
        assert read.infolist()[0].date_time == (2026, 11, 22, 4, 30, 10)
    for _ in range(500):
        start = chance.randrange(archive.size)
        end = chance.randrange(start, archive.size) + 1
        assert part(archive, objects, start, end) == whole[start:end]


def test_no_files_are_an_archive_too() -> None:
    archive, objects = archive_of({})
    assert zipfile.ZipFile(io.BytesIO(part(archive, objects, 0, archive.size))).namelist() == []


@pytest.mark.parametrize("size", [0xFFFF_FFFE, 0xFFFF_FFFF, 5 << 30])
def test_files_beyond_four_gigabytes(size: int, tmp_path: Path) -> None:
    last = b"behind it"
    entries = (
        Entry(path="long.mp4", size=size, crc32=0, key="long"),
        Entry(path="last.txt", size=len(last), crc32=zlib.crc32(last), key="last"),
    )
    archive = Archive(Manifest(made_at=AT, entries=entries))
    with (tmp_path / "sparse.zip").open("wb") as file:
        for piece in archive.pieces(0, archive.size):
            if isinstance(piece, bytes):
                file.write(piece)
            elif piece.key == "last":
                file.write(last)
            else:
                file.seek(piece.end - piece.start, io.SEEK_CUR)
    assert (tmp_path / "sparse.zip").stat().st_size == archive.size
    with zipfile.ZipFile(tmp_path / "sparse.zip") as read:
        assert read.getinfo("long.mp4").file_size == size
        assert read.read("last.txt") == last


def test_more_files_than_sixteen_bits_count() -> None:
    archive, objects = archive_of(dict.fromkeys((str(number) for number in range(65_536)), b""))
    with zipfile.ZipFile(io.BytesIO(part(archive, objects, 0, archive.size))) as read:
        assert len(read.namelist()) == 65_536


def test_no_two_paths_are_the_same_to_any_reader() -> None:
    assert unique(["a/b.mp4", "A/B.mp4", "a/b.mp4", "c", "c"]) == ["a/b.mp4", "A/B-2.mp4", "a/b-3.mp4", "c", "c-2"]


def test_a_path_never_leads_outside() -> None:
    (named,) = blobs_of({"clip": {"sha256": "0" * 64, "size": 1, "media_type": "video/mp4"}})
    row = {"project_id": "p", "scene_id": "../../etc", "id": 7}
    assert path_of("takes", row, named) == "projects/p/takes/.._.._etc-7.mp4"


def test_every_table_says_what_it_holds_of_a_user() -> None:
    """A new table has to be listed in `HOLDINGS`: whose its rows are, what an export shows, whether they go."""
    assert unlisted() == set()
    for name, holding in HOLDINGS.items():
        assert holding.mine is not None or not holding.exported, name


def test_whatever_names_a_user_is_emptied_of_them() -> None:
    naming = {"owner", "project_id", "job_id", "delivery_id", "email", "user_id"}
    named = {table.name for table in metadata.sorted_tables if naming & {*table.c.keys()}}
    assert named - {table.name for table in erased_tables()} == {"deletions"}
