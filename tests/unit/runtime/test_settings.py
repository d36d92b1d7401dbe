"""The environment into settings: types, unknown names, everything wrong at once, secrets unseen."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from libs.contracts.errors import Permanent
from libs.runtime.configuration import configuration_page
from libs.runtime.settings import Port, Settings, Shared, load, public_values, secret


class Own(Settings, frozen=True, kw_only=True):
    shared: Shared = Shared()
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port to listen on.")] = 8099
    urls: Annotated[tuple[str, ...], Meta(description="Servers | replicas.")] = ()
    wait_s: Annotated[float, Meta(ge=0, description="A wait.")] = 1.5
    eager: Annotated[bool, Meta(description="Begin at once.")] = False
    mode: Annotated[Literal["fast", "good"], Meta(description="How.")] = "good"
    limit: Annotated[int | None, Meta(description="At most.")] = None
    signing_key: Annotated[str, secret("Signs.")] = ""


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    shared: Shared
    name: Annotated[str, Meta(description="Must be given.")]


def test_defaults() -> None:
    assert load(Own, "tester", {}) == Own()


def test_every_type_is_read() -> None:
    environ = {
        "BEATLOOM_NATS_URL": "nats://elsewhere:4222",
        "BEATLOOM_WORKERS": "3",
        "BEATLOOM_ACK_WAIT_S": "2.5",
        "BEATLOOM_TESTER_HOST": " ::1 ",
        "BEATLOOM_TESTER_PORT": "0",
        "BEATLOOM_TESTER_URLS": "http://a, http://b,",
        "BEATLOOM_TESTER_WAIT_S": "2",
        "BEATLOOM_TESTER_EAGER": "true",
        "BEATLOOM_TESTER_MODE": "fast",
        "BEATLOOM_TESTER_LIMIT": "7",
        "BEATLOOM_TESTER_SIGNING_KEY": "hush",
        "BEATLOOM_INGEST_NO_MATTER": "what",
        "BEATLOOM_TESTDATA": "somewhere",
        "HOME": "/root",
    }
    assert load(Own, "tester", environ) == Own(
        shared=Shared(nats_url="nats://elsewhere:4222", workers=3, ack_wait_s=2.5),
        host="::1",
        port=0,
        urls=("http://a", "http://b"),
        wait_s=2.0,
        eager=True,
        mode="fast",
        limit=7,
        signing_key="hush",
    )


@pytest.mark.parametrize(("text", "value"), [("1", True), ("0", False), ("TRUE", True), ("false", False)])
def test_booleans(text: str, value: bool) -> None:
    assert load(Own, "tester", {"BEATLOOM_TESTER_EAGER": text}).eager is value


def test_plain_structs_do_too() -> None:
    assert load(Plain, "tester", {"BEATLOOM_TESTER_NAME": "x"}) == Plain(shared=Shared(), name="x")


def test_unknown_names_are_refused_with_the_nearest_one() -> None:
    with pytest.raises(Permanent) as refused:
        load(Own, "tester", {"BEATLOOM_TESTER_PROT": "1", "BEATLOOM_TESTER_XYZZY": "1"})
    assert refused.value.code == "unknown_setting"
    assert "BEATLOOM_TESTER_PROT is not a setting; did you mean BEATLOOM_TESTER_PORT?" in refused.value.message
    assert "BEATLOOM_TESTER_XYZZY is not a setting." in refused.value.message


def test_a_service_whose_name_begins_like_another_one() -> None:
    assert load(Own, "test", {"BEATLOOM_TESTER_ANYTHING": "1"}) == Own()


def test_all_errors_are_told_at_once() -> None:
    environ = {
        "BEATLOOM_WORKERS": "-1",
        "BEATLOOM_LOG_LEVEL": "loud",
        "BEATLOOM_TESTER_PORT": "70000",
        "BEATLOOM_TESTER_EAGER": "perhaps",
        "BEATLOOM_TESTER_NAME": "x",
    }
    with pytest.raises(Permanent) as refused:
        load(Own, "tester", environ)
    for name in environ:
        assert name in refused.value.message
    with pytest.raises(Permanent) as values:
        load(Own, "tester", {"BEATLOOM_TESTER_PORT": "web"})
    assert values.value.code == "bad_setting"


def test_what_must_be_given() -> None:
    with pytest.raises(Permanent, match="BEATLOOM_TESTER_NAME is not set"):
        load(Plain, "tester", {})


class Hidden(Settings, frozen=True, kw_only=True):
    mode: Annotated[Literal["a", "b"], secret("A secret with few values.")] = "a"


def test_a_secret_of_the_wrong_kind_is_not_repeated() -> None:
    with pytest.raises(Permanent) as refused:
        load(Hidden, "tester", {"BEATLOOM_TESTER_MODE": "swordfish"})
    assert "swordfish" not in str(refused.value)
    assert "BEATLOOM_TESTER_MODE" in str(refused.value)


def test_secrets_are_not_shown() -> None:
    shared = Shared(nats_token="hush-token", artifacts_url="s3://key:hush@host/bucket")
    own = Own(shared=shared, signing_key="hush-key")
    for shown in (repr(own), str(own), f"{shared}"):
        assert "hush" not in shown
    assert public_values(own)["signing_key"] == "***"
    assert public_values(Own())["signing_key"] == ""
    assert "port=8099" in repr(own)


def test_the_page_shows_every_setting_with_its_default() -> None:
    page = configuration_page({"tester": Own, "plain": Plain})
    assert "| `BEATLOOM_NATS_URL` | text | `nats://127.0.0.1:4222` | Where nats-server listens." in page
    assert "| `BEATLOOM_TESTER_PORT` | whole number | `8099` | Port to listen on. |" in page
    assert "| `BEATLOOM_TESTER_URLS` | list of text | empty | Servers \\| replicas. |" in page
    assert "| `BEATLOOM_TESTER_EAGER` | 0 or 1 | `0` | Begin at once. |" in page
    assert "| `BEATLOOM_TESTER_MODE` | `fast`, `good` | `good` | How. |" in page
    assert "| `BEATLOOM_TESTER_LIMIT` | whole number or empty | empty | At most. |" in page
    assert "| `BEATLOOM_TESTER_SIGNING_KEY` | text | empty | Signs. Secret. |" in page
    assert "| `BEATLOOM_PLAIN_NAME` | text | required | Must be given. |" in page
    assert page.index("## Shared") < page.index("## Tester") < page.index("## Plain")


def test_every_shared_setting_says_what_it_means() -> None:
    for line in configuration_page({}).splitlines():
        if line.startswith("| `"):
            assert len(line.split("|")[4].strip()) > 10, line
