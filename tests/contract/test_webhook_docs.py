"""What docs/webhooks.md tells receivers to do: its code, against webhooks as they are sent."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from services.ingest.webhooks.retrying import WAITS
from services.notifier.signing import signed
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "webhooks.md").read_text()
SECRET, KEY = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", bytes(range(32))
BODY = '{"event":"job_completed","data":{"name":"Ünï"}}'.encode()

Check = Callable[[dict[str, str], bytes], bool]


def code(language: str) -> str:
    """The page's one block of code in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def by_python(headers: dict[str, str], body: bytes) -> bool:
    names: dict[str, Callable[[str, dict[str, str], bytes], bool]] = {}
    exec(code("python"), names)
    return names["is_genuine"](SECRET, headers, body)


def by_node(headers: dict[str, str], body: bytes) -> bool:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node")
    arguments = f"{json.dumps(SECRET)}, {json.dumps(headers)}, Buffer.from({json.dumps(list(body))})"
    told = f"console.log(isGenuine({arguments}))"
    done = subprocess.run([node, "-"], input=f"{code('js')}\n{told}", capture_output=True, text=True, check=True)
    return bool(json.loads(done.stdout))


@pytest.mark.parametrize("check", [by_python, by_node])
def test_the_code_takes_what_is_genuine_and_nothing_else(check: Check) -> None:
    now = datetime.now(UTC)
    genuine = signed("msg_1", BODY, now, [KEY])
    rotated = signed("msg_1", BODY, now, [b"new" * 9, KEY])
    assert check(genuine, BODY)
    assert check(rotated, BODY)
    assert not check(genuine, BODY.replace(b"completed", b"failed"))
    assert not check({**genuine, "webhook-id": "msg_2"}, BODY)
    assert not check(signed("msg_1", BODY, now, [b"new" * 9]), BODY)
    for minutes in (-6, 6):
        assert not check(signed("msg_1", BODY, now + timedelta(minutes=minutes), [KEY]), BODY)


def test_the_page_names_the_waits() -> None:
    (told,) = re.findall(r"tenth try are (.*?), each", PAGE, re.DOTALL)
    units = {"s": 1, "min": 60, "h": 3600}
    named = [float(number) * units[unit] for number, unit in re.findall(r"([\d.]+) (s|min|h)\b", told)]
    assert tuple(named) == WAITS
    assert all(shorter < longer for shorter, longer in pairwise(named))


def test_the_page_names_settings_that_there_are() -> None:
    page = Path(ROOT / "docs" / "configuration.md").read_text()
    for name in set(re.findall(r"BEATLOOM_[A-Z_]*[A-Z]", PAGE)):
        assert f"`{name}`" in page, name
