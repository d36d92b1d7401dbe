"""Where a server is."""

from __future__ import annotations

import pytest

from services.generator.comfyui.address import Address, client_id


def test_the_socket_is_where_http_is() -> None:
    assert Address("http://gpu:8188/").socket("c") == "ws://gpu:8188/ws?clientId=c"
    assert Address("https://gpu").socket("c") == "wss://gpu/ws?clientId=c"
    assert Address("http://gpu:8188/").base == "http://gpu:8188"


def test_a_password_stands_in_no_name() -> None:
    address = Address("https://me:secret@gpu:8443")
    assert address.name == "gpu:8443"
    assert address.socket("c").startswith("wss://me:secret@gpu:8443/")


@pytest.mark.parametrize(
    "url", ["gpu:8188", "ftp://gpu", "http://", "http://me:secret@gpu/comfy", "http://gpu?a=b"]
)
def test_what_is_no_address_is_refused_without_telling_secrets(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        Address(url)
    assert "secret" not in str(refused.value)


def test_a_client_id_is_one_for_each_process_and_server() -> None:
    here, there = Address("http://a:1"), Address("http://b:1")
    ids = {client_id(process, address) for process in ("p", "q") for address in (here, there)}
    assert len(ids) == 4
    assert client_id("p", here) == client_id("p", Address("http://a:1/"))
