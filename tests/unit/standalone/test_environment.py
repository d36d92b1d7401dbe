"""What the stack tells its services, and what stays the user's to say."""

from __future__ import annotations

import base64
from pathlib import Path

from libs.runtime.settings import load
from services.standalone.environment import SERVICES, environment
from services.standalone.settings_table import SETTINGS

KEY = base64.b64encode(bytes(32)).decode()


def told(**user: str) -> dict[str, str]:
    return environment(
        user,
        nats_url="nats://127.0.0.1:4333",
        nats_token="token",
        ledger=Path("/data/ledger.sqlite"),
        artifacts=Path("/data/with a space/artifacts"),
        scratch=Path("/data/scratch"),
        webhook_secret="whsec_x",
        secret_key=KEY,
        public_url="http://127.0.0.1:8080",
        host="127.0.0.1",
    )


def test_every_service_takes_it() -> None:
    assert set(SERVICES) == set(SETTINGS) - {"standalone"}
    for name in SERVICES:
        settings = load(SETTINGS[name], name, told())
        assert settings.shared.nats_url == "nats://127.0.0.1:4333"  # type: ignore[attr-defined]  # all have it


def test_secrets_are_sealed_with_the_key_of_the_data_directory_or_the_users() -> None:
    for name in ("ingest", "notifier"):
        assert load(SETTINGS[name], name, told()).shared.secret_key == (KEY,)  # type: ignore[attr-defined]
    assert told(BEATLOOM_SECRET_KEY="new,old")["BEATLOOM_SECRET_KEY"] == "new,old"


def test_orders_may_name_the_receivers_that_the_notifier_calls() -> None:
    assert told()["BEATLOOM_INGEST_CALLBACK_ALLOW"] == ""
    assert told(BEATLOOM_NOTIFIER_ALLOW_HOSTS="10.0.0.7")["BEATLOOM_INGEST_CALLBACK_ALLOW"] == "10.0.0.7"
    assert told(BEATLOOM_INGEST_CALLBACK_ALLOW="*")["BEATLOOM_INGEST_CALLBACK_ALLOW"] == "*"


def test_stills_are_asked_for_where_servers_are_named() -> None:
    for drawn in (told(), told(BEATLOOM_PLANNER_STILLS="3", BEATLOOM_GENERATOR_COMFYUI_URLS="")):
        assert (drawn["BEATLOOM_PLANNER_STILLS"], drawn["BEATLOOM_PLANNER_CLIP_S"]) == ("0", "0")
    urls = {"BEATLOOM_GENERATOR_COMFYUI_URLS": "http://gpu1:8188"}
    assert told(**urls)["BEATLOOM_PLANNER_STILLS"] == "4"
    assert told(**urls, BEATLOOM_PLANNER_STILLS="2")["BEATLOOM_PLANNER_STILLS"] == "2"
    assert told(**urls, BEATLOOM_GENERATOR_ANIMATE="wan22-t2v, builtin")["BEATLOOM_PLANNER_STILLS"] == "0"
    assert told(**urls, BEATLOOM_GENERATOR_ANIMATE="wan22-t2v,mine")["BEATLOOM_PLANNER_STILLS"] == "4"
    assert told(**urls)["BEATLOOM_PLANNER_CLIP_S"] == "5.0"
    assert told(**urls, BEATLOOM_GENERATOR_ANIMATE="ltx23-i2v, builtin")["BEATLOOM_PLANNER_CLIP_S"] == "10.0"
    assert told(**urls, BEATLOOM_GENERATOR_ANIMATE="mine")["BEATLOOM_PLANNER_CLIP_S"] == "0.0"
    load(SETTINGS["planner"], "planner", told(**urls))
    assert told(**urls)["BEATLOOM_INGEST_CLIP_GPU_S"] == "12.0"
    assert "BEATLOOM_INGEST_CLIP_GPU_S" not in told()


def test_the_place_of_parts_is_the_stacks_to_say_and_the_rest_the_users() -> None:
    found = told(
        BEATLOOM_NATS_URL="nats://elsewhere:1",
        BEATLOOM_WORKERS="3",
        BEATLOOM_ACK_WAIT_S="30",
        BEATLOOM_NOTIFIER_SECRET="whsec_mine",
        HOME="/root",
    )
    assert found["BEATLOOM_NATS_URL"] == "nats://127.0.0.1:4333"
    assert found["BEATLOOM_WORKERS"] == "3"
    assert found["BEATLOOM_ACK_WAIT_S"] == "30"
    assert found["BEATLOOM_NOTIFIER_SECRET"] == "whsec_mine"
    assert found["BEATLOOM_NOTIFIER_PUBLIC_URL"] == "http://127.0.0.1:8080"
    assert found["BEATLOOM_ARTIFACTS_URL"] == "file:///data/with%20a%20space/artifacts"
    assert "HOME" not in found
