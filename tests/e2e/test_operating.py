"""An installation with logins, run by an operator at the command line; its GPU server is a double of ComfyUI."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from services.generator.comfyui.address import Address
from tests.e2e.home import Home
from tests.faults.fleet import Client
from tests.ports import free_port
from tests.servers.comfyui import ComfyDouble, accepted
from tests.songs import make_song
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("cli")


class Operator(NamedTuple):
    """Somebody with a terminal and an API key."""

    home: Home
    http: httpx.Client
    key: str

    def run(self, words: str) -> subprocess.CompletedProcess[str]:
        return self.home.run("admin", *words.split(), BEATLOOM_API_KEY=self.key)

    def __call__(self, words: str) -> dict[str, Any]:
        """What the command tells with --json."""
        done = self.run(f"{words} --json")
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def asks(self, path: str) -> dict[str, Any]:
        """What the API answers, without the time that a command takes to start."""
        return self.orders("GET", path)

    def orders(self, method: str, path: str, **body: object) -> dict[str, Any]:
        """The same, of any request."""
        answer = self.http.request(method, f"/admin/{path}", headers=bearer(self.key), json=body or None)
        assert answer.status_code == httpx.codes.OK, answer.text
        told: dict[str, Any] = answer.json()
        return told


@contextmanager
def up(home: Home, port: int, double: ComfyDouble) -> Iterator[None]:
    """The stack, ready; killed -9 at the end."""
    environ = {
        "BEATLOOM_INGEST_LOGIN": "required",
        "BEATLOOM_GENERATOR_COMFYUI_URLS": double.url,
        "BEATLOOM_GENERATOR_ANIMATE": "wan22-5b",
    }
    stack = home.start("up", "--port", str(port), **environ)
    with stack:
        try:
            assert stack.stdout is not None
            assert stack.stdout.readline().startswith("beatloom is up"), stack.communicate()[1]
            wait_until(Client(f"http://127.0.0.1:{port}").ready, seconds=60, what="up")
            yield
        finally:
            stack.send_signal(signal.SIGKILL)


def key_of(http: httpx.Client, email: str, password: str, *scopes: str) -> str:
    login = http.post("/auth/login", json={"email": email, "password": password})
    assert login.status_code == httpx.codes.OK, login.text
    token = bearer(login.json()["access_token"])
    made = http.post("/me/api-keys", json={"name": "a key", "scopes": scopes}, headers=token)
    assert made.status_code == httpx.codes.CREATED, made.text
    return str(made.json()["key"])


def test_an_operator_drains_a_server_pauses_intake_and_sees_to_users(tmp_path: Path, comfyui: ComfyDouble) -> None:
    home, port, name = Home(tmp_path), free_port(), Address(comfyui.url).name
    song = make_song(tmp_path, seconds=6).path
    made = home.run("admin", "users", "create", "op@example.com", "--operator", "--json")
    assert made.returncode == 0, made.stderr
    first = json.loads(made.stdout)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False, timeout=30) as http:
        with up(home, port, comfyui):
            key = key_of(http, "op@example.com", first["password"], "read", "write", "admin")
            operator = Operator(home, http, key)
            ann = operator("users create ann@example.com")
            annes = bearer(key_of(http, "ann@example.com", ann["password"], "read", "write"))
            every_route_is_the_operators_alone(http, annes)

            assert operator(f"drain {name}") == {"server": name, "drained": True, "told": True}
            wait_until(
                lambda: bool(operator.asks("pool")["servers"][0]["leave_it"]),
                seconds=20,
                what="who leaves it alone",
            )
            assert order(http, annes, song).status_code == httpx.codes.ACCEPTED
            wait_until(lambda: bool(operator.asks("pool")["waiting"]), seconds=60, what="work that waits")
            lanes = {lane["kind"] for lane in operator.asks("queues")["lanes"] if lane["in_work"]}
            assert lanes & {"animate", "imagine"}
            assert operator.run("pool").stdout.count("by 1 of 1") == 1

            assert operator("pause --reason Noon --retry-after 60")["paused"]
            later = order(http, annes, song)
            assert (later.json()["code"], later.headers["Retry-After"]) == ("intake_paused", "60")
        with up(home, port, comfyui):  # killed -9: what was switched stays so
            assert operator.asks("intake")["reason"] == "Noon"
            wait_until(lambda: bool(operator.asks("pool")["waiting"]), seconds=60, what="work that waits again")
            assert accepted(comfyui) == 0
            operator.orders("POST", "intake/resume")
            operator.orders("POST", f"pool/{name}/undrain")
            wait_until(lambda: accepted(comfyui) > 0, seconds=30, what="a prompt")
            operator.orders("PATCH", f"users/{ann['user']['id']}", enabled=False)
            assert http.get("/jobs", headers=annes).status_code == httpx.codes.UNAUTHORIZED
            assert {one["email"] for one in operator.asks("spending")["spending"]} <= {"ann@example.com"}
            lines = operator.asks(f"audit?actor={first['user']['id']}&limit=4")["lines"]
            assert [line["action"] for line in lines] == [
                "user.disabled",
                "server.undrained",
                "intake.resumed",
                "intake.paused",
            ]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def order(http: httpx.Client, headers: dict[str, str], song: Path) -> httpx.Response:
    options = json.dumps({"height": 180, "fps": "24", "seed": 5})
    with song.open("rb") as file:
        return http.post("/jobs", files={"song": file}, data={"options": options}, headers=headers)


def every_route_is_the_operators_alone(http: httpx.Client, users: dict[str, str]) -> None:
    schema = http.get("../../schema/openapi.json").json()
    routes = [
        (method.upper(), path.removeprefix("/api/v1"))
        for path, operations in schema["paths"].items()
        for method in operations
        if path.startswith(("/api/v1/admin/", "/api/v1/dead"))
    ]
    assert len(routes) >= 20
    for method, path in routes:
        filled = path.replace("{", "").replace("}", "")
        asked = [http.request(method, filled, headers=headers, json={}) for headers in (users, {})]
        assert [one.status_code for one in asked] == [403, 401], f"{method} {path}"
