"""Where a server is."""

from __future__ import annotations

import base64

import pytest
from websockets.uri import parse_uri

from services.generator.comfyui.address import Address, client_id
from services.generator.comfyui.gateway import Gateway


def test_the_socket_is_where_http_is() -> None:
    assert Address("http://gpu:8188/").socket("c") == "ws://gpu:8188/ws?clientId=c"
    assert Address("https://gpu").socket("c") == "wss://gpu/ws?clientId=c"
    assert Address("http://gpu:8188/").base == "http://gpu:8188"


def test_a_password_stands_in_no_name() -> None:
    address = Address("https://me:sec%40ret@GPU:8443")
    assert address.name == "gpu:8443"
    for told in (address.base, address.socket("c"), repr(address), str(address), f"{[address]}"):
        assert "gpu:8443" in told
        assert "ret" not in told
    assert address.headers == {"Authorization": "Basic " + base64.b64encode(b"me:sec@ret").decode()}
    assert Address("http://gpu").headers == {}


@pytest.mark.parametrize(
    "url",
    [
        "gpu:8188",
        "ftp://gpu",
        "http://",
        "http://gpu?a=b",
        "http://gpu:0",
        "http://gpu:99999",
        "http://a..b",
        "http://a b",
        "http://gpü",
        "http://[::1",
        "http://me:secret@gpu/comfy",
        "http://gpu?token=secret",
        "http://gpu/secret",
        "me:secret@gpu:8188",
        "http://me:secret/x@gpu:8188",
        "http://me:secret?x@gpu:8188",
        "http://me:secret#x@gpu:8188",
        "http://me:secret@gpu:port",
        "http://me:secret@[gpu",
        "http://me:secret@",
    ],
)
def test_what_is_no_address_is_refused_without_telling_secrets(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        Address(url)
    assert "secret" not in f"{refused.value!r} {refused.value.__cause__} {refused.value.__context__}"


@pytest.mark.parametrize("url", ["http://[::1]:8188", "http://10.0.0.1", "http://my_gpu.local.:8188", "HTTPS://A"])
async def test_what_is_an_address_can_be_asked(url: str) -> None:
    address = Address(url)
    async with Gateway(address, "test"):
        assert parse_uri(address.socket("c")).host


def test_a_client_id_is_one_for_each_process_and_server() -> None:
    here, there = Address("http://a:1"), Address("http://b:1")
    ids = {client_id(process, address) for process in ("p", "q") for address in (here, there)}
    assert len(ids) == 4
    assert client_id("p", here) == client_id("p", Address("http://a:1/"))
