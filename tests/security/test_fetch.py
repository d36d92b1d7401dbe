"""A fetch can't be lured inside: not by a redirect, a name that rebinds, or another way to write an address."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Collection

import pytest

from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.outbound import fetch as fetching
from libs.outbound.fetch import MAX_REDIRECTS, fetch
from tests.security.hosts import Names, answer, hosting

INSIDE = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fd12::1]",
    "10.1.2.3",
    "172.20.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "metadata.google.internal",
]
"""Ways to write this machine, its neighbours, and where clouds keep their secrets."""


async def got(
    url: str,
    *,
    allow: Collection[str] = ("outside.example",),
    names: Names | None = None,
    max_bytes: int = 1000,
    seconds: float = 5.0,
) -> tuple[str, bytes]:
    """Name and bytes. What is outside stands on this machine's loopback, and is allowed by name alone."""
    body = bytearray()

    async def take(chunk: bytes) -> None:
        body.extend(chunk)

    resolver = names or Names({"outside.example": [["127.0.0.1"]]})
    name = await fetch(url, take, allow=allow, max_bytes=max_bytes, seconds=seconds, resolver=resolver)
    return name, bytes(body)


async def refused(url: str, **how: object) -> BeatloomError:
    with pytest.raises(BeatloomError) as caught:
        await got(url, **how)  # type: ignore[arg-type]
    assert "127.0.0.1" not in str(caught.value) and "169.254" not in str(caught.value)
    return caught.value


async def test_a_file_comes_with_its_name() -> None:
    async with hosting(**{"a/My%20song.mp3?key=1": answer(200, b"sound")}) as host:
        assert await got(host.url("/a/My%20song.mp3?key=1", "outside.example")) == ("My song.mp3", b"sound")
        assert host.asked == [f"outside.example:{host.port}/a/My%20song.mp3?key=1"]


@pytest.mark.parametrize("inside", INSIDE)
async def test_inside_is_never_asked_directly_nor_by_a_redirect(inside: str) -> None:
    async with hosting(secret=answer(200, b"secret")) as host:
        url = host.url("/secret", inside)
        assert (await refused(url)).code == "bad_source_url"
        host.answers["/away"] = answer(302, location=url)
        assert (await refused(host.url("/away", "outside.example"))).code == "bad_source_url"
        assert host.asked == [f"outside.example:{host.port}/away"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_a_few_times_and_checked_each_time(status: int) -> None:
    async with hosting(song=answer(200, b"sound")) as host:
        for number in range(9):
            host.answers[f"/{number}"] = answer(status, location=f"/{number - 1}" if number else "/song#there")
        last = MAX_REDIRECTS - 1
        assert await got(host.url(f"/{last}", "outside.example")) == ("song", b"sound")
        assert (await refused(host.url(f"/{last + 1}", "outside.example"))).code == "fetch_refused"


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "gopher://x/", "http://[", "//user@x/", "http://ä/", ""]
)
async def test_redirects_to_what_is_no_web_address(location: str) -> None:
    async with hosting(away=answer(302, location=location)) as host:
        error = await refused(host.url("/away", "outside.example"))
        assert error.code in ("bad_source_url", "fetch_refused")


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::1"], ["::ffff:10.0.0.1"], ["fe80::1%eth0"], []]
)
async def test_a_name_that_means_inside_is_refused(addresses: list[str]) -> None:
    async with hosting(song=answer(200, b"x")) as host:
        names = Names({"innocent.example": [addresses]})
        assert (await refused(host.url("/song", "innocent.example"), names=names)).code == "bad_source_url"
        assert host.asked == []


async def test_a_name_that_rebinds_between_check_and_connection_gains_nothing() -> None:
    """The name is asked once a request: the connection goes to what was checked, never to a second answer."""
    async with hosting(song=answer(200, b"secret")) as inside:
        names = Names({"rebinds.example": [["192.0.2.1"], ["127.0.0.1"]]})
        error = await refused(inside.url("/song", "rebinds.example"), names=names, seconds=0.5)
        assert inside.asked == []
        assert error.code in ("bad_source_url", "fetch_failed")
        assert names.asked == ["rebinds.example"]


async def test_a_name_that_rebinds_at_a_redirect_is_checked_anew() -> None:
    async with hosting(song=answer(302, location="/secret"), secret=answer(200, b"secret")) as host:
        names = Names({"outside.example": [["127.0.0.1"]], "rebinds.example": [["127.0.0.2"]]})
        host.answers["/song"] = answer(302, location=host.url("/secret", "rebinds.example"))
        assert (await refused(host.url("/song", "outside.example"), names=names)).code == "bad_source_url"
        assert host.asked == [f"outside.example:{host.port}/song"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (answer(404), "fetch_refused"),
        (answer(204), "fetch_refused"),
        (answer(206, b"part"), "fetch_refused"),
        (answer(500), "fetch_failed"),
        (answer(429), "fetch_failed"),
        (answer(200, b"", content_length="1001"), "file_too_large"),
        (answer(200, b"x" * 1001), "file_too_large"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b"x" * 1001, "file_too_large"),
        (answer(200, b"x", content_length="5"), "fetch_failed"),
        (answer(200, gzip.compress(b"\0" * 1_000_000)[:900], content_encoding="gzip"), "fetch_refused"),
        (b"SSH-2.0-OpenSSH_9\r\n", "fetch_failed"),
        (b"", "fetch_failed"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 300_000, "fetch_failed"),
    ],
)
async def test_answers_that_are_no_file(said: bytes, code: str) -> None:
    async with hosting() as host:
        host.answers["*"] = said
        error = await refused(host.url("/song", "outside.example"))
        assert error.code == code
        assert isinstance(error, Retryable if code == "fetch_failed" else Permanent)


async def test_hosts_that_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "IDLE_S", 0.1)
    began = asyncio.get_running_loop().time()
    async with hosting() as host:
        host.silent = True
        assert (await refused(host.url("/", "outside.example"))).code == "fetch_failed"
        host.silent, host.answers["*"] = False, answer(200, b"x", content_length="9")[:-1]
        host.trickle = True
        host.answers["*"] = answer(200, content_length="900")
        assert (await refused(host.url("/", "outside.example"), seconds=0.3)).code == "fetch_failed"
    assert asyncio.get_running_loop().time() - began < 3


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with hosting(song=answer(200, b"sound")) as host, hosting() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        assert (await got(host.url("/song", "outside.example")))[1] == b"sound"
        assert proxy.asked == []
