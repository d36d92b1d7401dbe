"""The content scanner over its own protocol: found, clean, away, too slow, too large."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.contracts.errors import Permanent, Retryable
from services.ingest.uploads import scan
from services.ingest.uploads.scan import Scanner
from tests.fakes.clamd import EICAR, clamd


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A harmless file of some chunks."""
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 4096)
    return path


async def test_clean_and_infected_files_by_tcp_and_by_unix_socket(file: Path, tmp_path: Path) -> None:
    for socket in (None, tmp_path / "clamd.sock"):
        async with clamd(socket) as double:
            scanner = Scanner(double.address)
            await scanner.check(file)
            (tmp_path / "bad").write_bytes(b"ID3" + b"\0" * scan.CHUNK + EICAR)
            with pytest.raises(Permanent) as caught:
                await scanner.check(tmp_path / "bad")
            assert caught.value.code == "infected"
            assert "Eicar" not in str(caught.value)
            assert double.scanned == 2


async def test_no_file_passes_a_scanner_that_can_not_say(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with clamd() as double:
        scanner = Scanner(double.address)
        double.most = 1000
        with pytest.raises(Retryable, match="scanner_unavailable"):
            await scanner.check(file)
        double.silent, double.most = True, 25_000_000
        monkeypatch.setattr(scan, "ANSWER_S", 0.2)
        with pytest.raises(Retryable, match="scanner_unavailable"):
            await scanner.check(file)
    with pytest.raises(Retryable, match="scanner_unavailable") as caught:
        await scanner.check(file)
    assert caught.value.after is not None
    with pytest.raises(Retryable, match="scanner_unavailable"):
        await Scanner("unix:///nobody/listens/here").check(file)


async def test_without_a_scanner_every_file_passes(file: Path) -> None:
    await Scanner("").check(file)


@pytest.mark.parametrize(
    "address", ["clamd:3310", "http://clamd", "tcp://", "tcp://clamd:port", "unix://relative", "tcp://:99999999"]
)
def test_an_address_that_is_none_stops_the_start(address: str) -> None:
    with pytest.raises(Permanent, match="bad_setting"):
        Scanner(address)
