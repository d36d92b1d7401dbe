"""How the set-up hands pip's configuration on, and when it is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locks import manage


def test_what_pip_is_told_uv_is_told_too(tmp_path: Path) -> None:
    listing = (
        "global.index-url='https://mirror.example/simple'\n"
        f"global.find-links='{tmp_path} /nowhere/wheels'\n"
        f":env:.extra-index-url='file://{tmp_path} file:///nowhere/simple'\n"
        "install.timeout='60'\nbroken line\n"
    )
    told = manage.uv_environment(manage.parse_pip_config(listing), {"PATH": "/bin"})
    assert told == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": f"file://{tmp_path}",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": str(tmp_path),
        "UV_HTTP_TIMEOUT": "60",
        "PATH": "/bin",
    }


def test_what_a_person_has_told_uv_itself_stands() -> None:
    told = manage.uv_environment({"index-url": "https://a.example"}, {"UV_DEFAULT_INDEX": "https://b.example"})
    assert told == {"UV_DEFAULT_INDEX": "https://b.example"}


def test_the_environment_wins_over_the_file() -> None:
    assert manage.parse_pip_config("global.cert='a'\n:env:.cert='b'\n") == {"cert": "b"}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose .venv says that the lock `dev` was installed."""
    locks, venv = tmp_path / "locks", tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    locks.mkdir()
    for path in (locks / "uv.txt", locks / "dev.txt", locks / "standalone.txt", tmp_path / "pyproject.toml"):
        path.write_text(path.name)
    (venv / "bin" / "python").touch()
    monkeypatch.setattr(manage, "LOCKS", locks)
    monkeypatch.setattr(manage, "ROOT", tmp_path)
    monkeypatch.setattr(manage, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(manage, "STAMP", venv / "stamp.json")
    (venv / "stamp.json").write_text(json.dumps({"lock": "dev", "digest": manage.digest("dev")}))
    return tmp_path


def test_a_set_up_that_stands_is_left_alone(checkout: Path) -> None:
    assert manage.held() == "dev"
    manage.install("dev")
    manage.install("standalone")


@pytest.mark.parametrize("changed", ["locks/uv.txt", "locks/dev.txt", "pyproject.toml"])
def test_it_is_redone_when_what_it_came_from_changes(checkout: Path, changed: str) -> None:
    (checkout / changed).write_text("new")
    assert manage.held() == ""


def test_it_is_redone_without_its_python_or_stamp(checkout: Path) -> None:
    manage.STAMP.write_text("{")
    assert manage.held() == ""
    manage.STAMP.unlink()
    assert manage.held() == ""
