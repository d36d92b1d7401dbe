"""Installs from the locks into .venv, or compiles them anew. Standard library only.

    python3 locks/manage.py install standalone      what `make video` needs
    python3 locks/manage.py install dev             all of it, with tests and tools
    .venv/bin/python locks/manage.py compile        after a change of dependencies (--upgrade: newest versions)

`install` does nothing when the last one is still valid: a stamp in .venv holds a digest of the locks,
of pyproject.toml, of this folder's path and of Python's version. It is written last, so an installation
that broke off is done again. No address of a registry stands here: pip's own configuration and
environment are handed on to uv, which doesn't read them itself.
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

LOCKS = Path(__file__).resolve().parent
ROOT = LOCKS.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMP = VENV / "beatloom-setup.json"

EXTRAS = ("dev", "all", "ingest", "analyzer", "planner", "generator", "composer", "notifier", "standalone")
"""`dev` comes first: its versions are the constraints of the others."""

TOOLS = "hatchling\nuv\n"
"""locks/uv.txt, what installs: uv the packages, hatchling the project itself."""


Command = list[str | Path]


class SetupFailed(Exception):
    """Its text is for the person at the terminal."""


def uv_environment(pip_settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: what pip is told about registries, in uv's words.

    pip_settings: names as in `pip config list` without their group: index-url, find-links, ... A
    variable that the person has set for uv itself stands.
    """
    told = {
        "UV_DEFAULT_INDEX": pip_settings.get("index-url", ""),
        "UV_INDEX": " ".join(filter(is_there, pip_settings.get("extra-index-url", "").split())),
        "UV_FIND_LINKS": ",".join(filter(is_there, pip_settings.get("find-links", "").split())),
        "UV_HTTP_TIMEOUT": pip_settings.get("timeout", pip_settings.get("default-timeout", "")),
        "UV_INSECURE_HOST": pip_settings.get("trusted-host", ""),
        "SSL_CERT_FILE": pip_settings.get("cert", ""),
    }
    if told["UV_INDEX"]:
        told["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip does; the locks' hashes decide what is taken
    return {**{name: value for name, value in told.items() if value}, **environ}


def is_there(place: str) -> bool:
    """False for a folder that doesn't exist: pip passes over it, uv would stop."""
    address = urlparse(place)
    if address.scheme == "file":
        return Path(url2pathname(address.path)).exists()
    return bool(address.scheme) or Path(place).expanduser().exists()


def parse_pip_config(listing: str) -> dict[str, str]:
    """What `pip config list` prints, by names without their group; later lines win, as in pip."""
    found: dict[str, str] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        try:
            found[name.rpartition(".")[2]] = str(ast.literal_eval(value))
        except (SyntaxError, ValueError):
            continue
    return found


def digest(lock: str) -> str:
    """Of everything that an installation depends on."""
    told = hashlib.sha256(f"{ROOT}\n{sys.version_info[:2]}\n".encode())
    for path in (LOCKS / "uv.txt", LOCKS / f"{lock}.txt", ROOT / "pyproject.toml"):
        told.update(path.read_bytes())
    return told.hexdigest()


def held() -> str:
    """The lock whose installation is complete and current; empty when there is none."""
    try:
        stamp = json.loads(STAMP.read_text())
        lock = str(stamp["lock"])
        return lock if stamp["digest"] == digest(lock) and PYTHON.exists() else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def install(lock: str) -> None:
    """Make .venv, put the lock and the project into it, try the analyzer once."""
    if held() in (lock, "dev"):
        return
    with one_at_a_time():
        if held() in (lock, "dev"):
            return
        say(f"Setting up .venv from locks/{lock}.txt. This is done once and takes a few minutes.")
        make_venv()
        STAMP.unlink(missing_ok=True)
        pip_install: Command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        hashed = ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
        run([*pip_install, *hashed, "-r", LOCKS / "uv.txt"], os.environ)
        environ = uv_environment(pip_settings(), os.environ)
        uv_install: Command = [UV, "pip", "install", "--python", PYTHON]
        run([*uv_install, *hashed, "--compile-bytecode", "-r", LOCKS / f"{lock}.txt"], environ)
        run([*uv_install, "--quiet", "--no-deps", "--no-build-isolation", "--editable", ROOT], environ)
        run([PYTHON, "-m", "services.analyzer.warm"], os.environ)
        STAMP.write_text(json.dumps({"lock": lock, "digest": digest(lock)}))


def make_venv() -> None:
    """A .venv of this Python with a pip that runs; one that is moved or broken is made anew."""
    probe = "import sys, pip; print(sys.prefix, *sys.version_info[:2])"
    wanted = f"{VENV} {sys.version_info[0]} {sys.version_info[1]}"
    if PYTHON.exists():
        done = subprocess.run([str(PYTHON), "-c", probe], capture_output=True, text=True, check=False)
        if done.stdout.strip() == wanted and (VENV / "pyvenv.cfg").is_file():
            return
    run([sys.executable, "-m", "venv", "--clear", VENV], os.environ)


def compile_locks(options: list[str]) -> None:
    """Every lock anew, keeping the versions that still fit unless --upgrade is among the options."""
    environ = uv_environment({**pip_settings(), "find-links": "", "extra-index-url": ""}, os.environ)
    form = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate", "--quiet"]
    base: Command = [UV, "pip", "compile", "--python-version", "3.11", *form]
    constraints = LOCKS / "dev.txt"
    for extra in EXTRAS:
        say(f"locks/{extra}.txt")
        limits: Command = [] if extra == "dev" else ["--constraints", constraints]
        out = LOCKS / f"{extra}.txt"
        run([*base, *limits, *options, "--extra", extra, "-o", out, ROOT / "pyproject.toml"], environ)
    say("locks/uv.txt")
    run([*base, "--constraints", constraints, *options, "-o", LOCKS / "uv.txt", "-"], environ, stdin=TOOLS)


def pip_settings() -> dict[str, str]:
    """What pip would use here: its files, then its environment."""
    listing = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "config", "list"]
    return parse_pip_config(subprocess.run(listing, capture_output=True, text=True, check=False).stdout)


def run(command: Command, environ: Mapping[str, str], *, stdin: str = "") -> None:
    """Run to the end, its output shown. Raises `SetupFailed` naming the command."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env=environ, cwd=ROOT, check=False, input=stdin, text=True)
    if done.returncode:
        raise SetupFailed(f"this command failed with exit code {done.returncode}: {' '.join(words)}")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold this folder's lock: two calls of make at once don't write into one .venv."""
    folder = os.open(LOCKS, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def say(text: str) -> None:
    """One line to the person at the terminal."""
    sys.stderr.write(f"{text}\n")


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    try:
        match arguments:
            case ["install", lock] if lock in EXTRAS:
                install(lock)
            case ["compile", *options]:
                compile_locks(options)
            case _:
                say(__doc__ or "")
                return 2
    except SetupFailed as error:
        say(
            f"error: {error}\nhint: mend what it says above, then run the same command again; it goes on from there"
        )
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
