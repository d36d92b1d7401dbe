"""Fixtures for all tests: real servers, each its own on a free port, and the songs with known truth."""

import os
import signal
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.servers.comfyui",
    "tests.servers.nats",
    "tests.servers.postgres",
    "tests.servers.redis",
    "tests.servers.s3",
]


def pytest_configure() -> None:
    """Let what tests start be interrupted: a shell has those ignore SIGINT that it runs in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def testdata() -> Path:
    """Folder of the songs with true beats and words (`audio/`, `images/`); skips where it is not at hand."""
    default = Path(__file__).resolve().parents[2] / "shared" / "testdata"
    folder = Path(os.environ.get("BEATLOOM_TESTDATA", default))
    if not (folder / "audio" / "truth.json").is_file():
        pytest.skip("the songs with known truth are not here; set BEATLOOM_TESTDATA")
    return folder
