"""The wheel: what it holds is enough, with nothing of this folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from services.generator.comfyui.library import load_library
from tests.paths import ROOT


def test_what_is_installed_from_a_wheel_runs_anywhere(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    for packed in ("libs", "services", "comfyui-workflows"):
        held = {path.relative_to(installed) for path in (installed / packed).rglob("*") if path.is_file()}
        ours = (path for path in (ROOT / packed).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        assert held == {path.relative_to(ROOT) for path in ours}

    listed = subprocess.run(
        [sys.executable, "-m", "services.standalone", "workflows", "list"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
        text=True,
    )
    table, _, _ = listed.stdout.partition("\n\n")
    assert {line.split()[0] for line in table.splitlines()[1:]} == set(load_library().workflows)
