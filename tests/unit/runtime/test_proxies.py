"""Whose word is believed on where a request comes from."""

from __future__ import annotations

import httpx
import pytest
from litestar import Litestar, Request, get

from libs.contracts.errors import Permanent
from libs.runtime.proxies import behind


@get("/", sync_to_thread=False)
def asker(request: Request[object, object, object]) -> str:  # type: ignore[type-var]
    """The address that the request is said to come from."""
    return request.client.host if request.client is not None else ""


@pytest.mark.parametrize(
    ("proxies", "peer", "asks"),
    [
        ((), "10.1.2.3", "10.1.2.3"),
        (("10.0.0.0/8",), "10.1.2.3", "203.0.113.7"),
        (("10.1.2.3",), "10.1.2.3", "203.0.113.7"),
        (("10.0.0.0/8",), "192.0.2.1", "192.0.2.1"),
        (("127.0.0.1",), "10.1.2.3", "10.1.2.3"),
    ],
)
async def test_only_proxies_are_believed(proxies: tuple[str, ...], peer: str, asks: str) -> None:
    app = Litestar([asker], middleware=behind(proxies))
    transport = httpx.ASGITransport(app, client=(peer, 1234))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        answer = await client.get("/", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.7"})
    assert answer.text == asks


@pytest.mark.parametrize("proxy", ["*", "proxy.example", "10.0.0.0/33", ""])
def test_what_is_no_address_is_refused(proxy: str) -> None:
    with pytest.raises(Permanent, match="no address"):
        behind((proxy,))
