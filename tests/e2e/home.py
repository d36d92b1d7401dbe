"""A person at the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


class Home:
    """A person's home: a current folder, and the caches and data of their own."""

    def __init__(self, root: Path) -> None:
        self.cwd = root / "here"
        self.cache = root / "cache"
        self.cwd.mkdir()
        own = {"XDG_CACHE_HOME": str(self.cache), "XDG_DATA_HOME": str(root / "data")}
        self._environ = {**os.environ, **own}

    def start(self, *words: str | Path, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "services.standalone", *map(str, words)],
            cwd=self.cwd,
            env={**self._environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        with self.start(*words, **environ) as process:
            try:
                out, err = process.communicate(timeout=240)
            finally:
                process.kill()
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def renders(self) -> list[Path]:
        """Data directories that renders have left."""
        return list((self.cache / "beatloom" / "renders").glob("*"))
