"""What must hold of the repository itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

LOCKS = sorted((ROOT / "locks").glob("*.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_a_hash_for_each_package_and_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    packages = [line for line in text.splitlines() if re.match(r"^[a-zA-Z0-9]", line)]
    assert packages
    for block in re.split(r"\n(?=[a-zA-Z0-9])", text):
        if re.match(r"^[a-zA-Z0-9]", block):
            assert "--hash=sha256:" in block, block.splitlines()[0]


def test_every_service_has_a_lock() -> None:
    services = {path.parent.name for path in (ROOT / "services").glob("*/__main__.py")}
    assert services
    assert services <= {lock.stem for lock in LOCKS}


def test_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_links_in_the_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert pages
    for page in pages:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_no_drawer_for_odds_and_ends() -> None:
    names = {path.stem for folder in ("libs", "services") for path in (ROOT / folder).rglob("*.py")}
    names |= {path.name for folder in ("libs", "services") for path in (ROOT / folder).rglob("*") if path.is_dir()}
    assert not names & {"utils", "util", "common", "helpers", "core", "misc"}
