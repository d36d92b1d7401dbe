"""Who belongs to the pool, while names change, vanish for a moment, or can't be looked up."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from services.generator.comfyui import members
from services.generator.comfyui.members import GONE_S, Members

AWAY = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
NONE = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class Resolver:
    """What the machine's resolver answers, by name, and what time it is."""

    def __init__(self) -> None:
        self.answers: dict[str, list[str] | socket.gaierror] = {}
        self.now = 0.0
        self.deaf = False

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        """As the loop's."""
        if self.deaf:
            await asyncio.sleep(60.0)
        answer = self.answers[host]
        if isinstance(answer, socket.gaierror):
            raise answer
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (each, port, 0, 0))
            if ":" in each
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in answer
        ]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    made = Resolver()

    class Loop:
        getaddrinfo = staticmethod(made.getaddrinfo)

    monkeypatch.setattr(members.asyncio, "get_running_loop", Loop)  # type: ignore[attr-defined]  # what it imports
    return made


def pool(resolver: Resolver, *entries: str) -> Members:
    return Members(entries, clock=lambda: resolver.now)


async def names(of: Members) -> set[str]:
    return {address.name for address in await of.addresses()}


async def test_addresses_come_and_go(resolver: Resolver) -> None:
    made = pool(resolver, "http://fixed:8188", "dns+http://gpus:8188")
    for answer in (["10.0.0.1", "10.0.0.2"], ["10.0.0.2"], ["10.0.0.1", "10.0.0.2", "fd00::7"]):
        resolver.answers["gpus"] = answer
        behind = {f"[{each}]:8188" if ":" in each else f"{each}:8188" for each in answer}
        assert await names(made) == behind | {"fixed:8188"}
        assert made.certain


async def test_a_resolver_that_fails_takes_nobody_away(resolver: Resolver) -> None:
    resolver.answers = {"gpus": ["10.0.0.1"], "more": ["10.0.1.1"]}
    made = pool(resolver, "dns+http://gpus:8188", "dns+http://more:8188")
    await made.addresses()
    resolver.answers["gpus"] = AWAY
    resolver.answers["more"] = ["10.0.1.2"]
    resolver.now += 10 * GONE_S
    assert await names(made) == {"10.0.0.1:8188", "10.0.1.2:8188"}, "what the other name says counts all the same"
    assert made.certain


async def test_the_list_is_there_while_a_name_was_never_found(resolver: Resolver) -> None:
    resolver.answers["gpus"] = AWAY
    made = pool(resolver, "http://fixed:8188", "dns+http://gpus:8188")
    assert await names(made) == {"fixed:8188"}
    assert not made.certain


async def test_a_resolver_that_never_answers_is_not_waited_for(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "ANSWER_S", 0.05)
    resolver.deaf = True
    assert await names(pool(resolver, "http://fixed:8188", "dns+http://gpus:8188")) == {"fixed:8188"}


async def test_a_name_that_is_gone_keeps_its_servers_for_a_while(resolver: Resolver) -> None:
    made = pool(resolver, "dns+http://gpus:8188")
    resolver.answers["gpus"] = NONE
    assert await names(made) == set()
    assert not made.certain, "it may be too early to say"
    resolver.answers["gpus"] = ["10.0.0.1"]
    assert await names(made) == {"10.0.0.1:8188"}
    resolver.answers["gpus"] = NONE
    for _ in range(2):
        assert await names(made) == {"10.0.0.1:8188"}
        resolver.now += GONE_S * 0.4
        resolver.answers["gpus"] = ["10.0.0.1"]
        await made.addresses()
        resolver.answers["gpus"] = NONE
    assert await names(made) == {"10.0.0.1:8188"}, "it was there in between"
    resolver.now += GONE_S
    assert await names(made) == set()
    assert made.certain


async def test_one_server_is_named_once_as_the_list_names_it(resolver: Resolver) -> None:
    resolver.answers = {"gpus": ["10.0.0.1", "10.0.0.1"], "same": ["10.0.0.1"]}
    made = pool(
        resolver, "http://ann:secret@10.0.0.1:8188", "dns+http://gpus:8188", "dns+http://same:8188", "http://x:1"
    )
    found = {address.name: address.url for address in await made.addresses()}
    assert found == {"10.0.0.1:8188": "http://ann:secret@10.0.0.1:8188", "x:1": "http://x:1"}


async def test_a_login_goes_to_each_server_behind_a_name(resolver: Resolver) -> None:
    resolver.answers["gpus"] = ["10.0.0.1", "fd00::7"]
    found = await pool(resolver, "dns+https://ann:secret@gpus").addresses()
    assert {each.url for each in found} == {
        "https://ann:secret@10.0.0.1:443",
        "https://ann:secret@[fd00::7]:443",
    }


async def test_localhost_is_found_by_the_real_resolver() -> None:
    assert await names(Members(["dns+http://localhost:8188"])) & {"127.0.0.1:8188", "[::1]:8188"}
