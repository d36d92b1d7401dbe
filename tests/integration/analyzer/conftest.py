"""The songs with known truth, heard once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from libs.contracts.analysis import Analysis
from services.analyzer.analyze import analyze
from tests.integration.analyzer.scores import Truth


@pytest.fixture(scope="session")
def truths(testdata: Path) -> dict[str, Truth]:
    """The truth of each song by its file's name."""
    truths: dict[str, Truth] = json.loads((testdata / "audio" / "truth.json").read_text())
    return truths


@pytest.fixture(scope="session")
def analyses(testdata: Path, truths: dict[str, Truth]) -> dict[str, Analysis]:
    """What is heard in each song."""
    return {name: analyze(testdata / "audio" / name) for name in truths}
