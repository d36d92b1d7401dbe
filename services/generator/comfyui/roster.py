"""The servers of the pool as they come and go, and what each of them can do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from libs.cache import Cache
from libs.contracts.errors import Permanent
from services.generator.comfyui.ability import Lack, ServerFacts, can, missing_model
from services.generator.comfyui.address import Address
from services.generator.comfyui.members import Members
from services.generator.comfyui.server import Server
from services.generator.comfyui.waiting import Need
from services.generator.comfyui.workflow import Workflow

MEMBERS_S = 10.0
"""How often it is asked which servers there are."""
HEARD_S = 20.0
"""For how long a server may still be the one that can, before it has said anything."""

log = logging.getLogger(__name__)


def ability_of(workflow: str, profile: str = "") -> str:
    """What a server is asked for: a workflow in any of its profiles, or in this one."""
    return f"{workflow}/{profile}" if profile else workflow


class Roster:
    """An async context manager; made and used in one loop. workflows: those whose abilities are of interest.

    It hears of its servers what `server.Listener` says, and passes it on.
    """

    def __init__(self, members: Members, workflows: Mapping[str, Workflow], process: str, cache: Cache) -> None:
        self.servers: dict[str, Server] = {}
        self.on_came: Callable[[Server], None] = lambda _: None
        self.on_went: Callable[[Server], None] = lambda _: None
        """Told of servers that don't answer, and of such that belong to the pool no more."""
        self.on_looked: Callable[[Server], None] = lambda _: None
        self._members = members
        self._workflows = workflows
        self._process = process
        self._cache = cache
        self.known = asyncio.Event()
        """Set once it could be found out who belongs to the pool."""
        self._leaving: dict[str, Server] = {}
        """Such that belong to it no more, and have prompts of ours still."""
        self._came_at: dict[str, float] = {}
        self._lacks: dict[str, dict[str, tuple[Lack, ...]]] = {}
        self._refused: dict[str, dict[str, Permanent]] = {}
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._refresh()
        self._following = asyncio.create_task(self._follow(), name="members of the pool")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        servers = (*self.servers.values(), *self._leaving.values())
        await asyncio.gather(*(server.__aexit__(None, None, None) for server in servers))
        self.servers.clear()
        self._leaving.clear()

    def find(self, name: str) -> Server | None:
        """The server of this name; also such as belongs to the pool no more, while prompts of ours are on it."""
        return self.servers.get(name) or self._leaving.get(name)

    @property
    def present(self) -> bool:
        """Whether any server answers."""
        return any(server.present for server in self.servers.values())

    @property
    def seen(self) -> bool:
        """Whether it is known of any server what it can do."""
        return any(name in self._lacks for name in self.servers)

    @property
    def awaited(self) -> bool:
        """Whether a server has come a moment ago, and not yet said what it can do."""
        now = time.monotonic()
        return any(now - came < HEARD_S for name, came in self._came_at.items() if name not in self._lacks)

    def able_servers(self, ability: str) -> frozenset[str]:
        """The servers, present or not, that can do this."""
        return self.able(Need(ability, 0))

    def able(self, need: Need) -> frozenset[str]:
        """The servers, present or not, that have what is needed."""
        return frozenset(
            name
            for name, server in self.servers.items()
            if need.ability in self.abilities(name) and server.vram >= need.vram
        )

    def abilities(self, name: str) -> frozenset[str]:
        """What the server can do."""
        refused = self._refused.get(name, {})
        return frozenset(
            ability for ability, lacks in self._lacks.get(name, {}).items() if not lacks and ability not in refused
        )

    def profile(self, name: str, workflow: Workflow) -> str | None:
        """The largest profile of the workflow that the server can run."""
        able = self.abilities(name)
        return next((one for one in workflow.by_memory if ability_of(workflow.name, one) in able), None)

    def refuse(self, server: Server, ability: str, error: Permanent) -> None:
        """The server said no to what it seemed able to do. It is asked again once it is started anew."""
        self._refused.setdefault(server.name, {})[ability] = error
        if self._belongs(server):
            self.on_came(server)

    def why_not(self, ability: str) -> Permanent | None:
        """Why no server can do this; None when one can, or when one has not been heard yet."""
        known = [name for name in self.servers if name in self._lacks]
        if not known or self.awaited or any(ability in self.abilities(name) for name in known):
            return None
        refused = [self._refused[name][ability] for name in known if ability in self._refused.get(name, {})]
        if refused:
            return refused[0]
        workflow = self._workflows[ability.partition("/")[0]]
        return missing_model(workflow, min((self._lacks[name][ability] for name in known), key=len))

    # What a server tells.

    def came(self, server: Server) -> None:
        """It answers, and its facts are there."""
        if self._belongs(server):
            if server.facts is not None:
                self._refused.pop(server.name, None)
                self._lacks[server.name] = _lacks(self._workflows, server.facts)
            self.on_came(server)

    def went(self, server: Server) -> None:
        """It doesn't answer."""
        if self._belongs(server):
            self.on_went(server)

    def looked(self, server: Server) -> None:
        """It was asked, and answered."""
        if self._belongs(server):
            self.on_looked(server)

    def _belongs(self, server: Server) -> bool:
        return self.servers.get(server.name) is server

    # Who belongs to it.

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(MEMBERS_S)
            try:
                await self._refresh()
            except Exception:
                log.exception("who belongs to the pool could not be asked")

    async def _refresh(self) -> None:
        wanted = {address.name: address for address in await self._members.addresses()}
        for name in self.servers.keys() - wanted.keys():
            self._leaving[name] = server = self.servers.pop(name)
            self._lacks.pop(name, None)
            self._refused.pop(name, None)
            self._came_at.pop(name, None)
            self.on_went(server)
        for name in wanted.keys() - self.servers.keys():
            back = self._leaving.pop(name, None)
            self.servers[name] = back or await self._started(wanted[name])
            self._came_at[name] = time.monotonic()
            if back is not None and back.present:
                self.came(back)
        for name, server in list(self._leaving.items()):
            if not server.watches:
                del self._leaving[name]
                server.present = False
                await server.__aexit__(None, None, None)
        if self._members.certain:
            self.known.set()

    async def _started(self, address: Address) -> Server:
        return await Server(address, self._process, self, self._cache).__aenter__()


def _lacks(workflows: Mapping[str, Workflow], facts: ServerFacts) -> dict[str, tuple[Lack, ...]]:
    """For each ability what is missing; nothing where nothing is."""
    found: dict[str, tuple[Lack, ...]] = {}
    for name, workflow in workflows.items():
        by_profile = {profile: can(workflow, facts, profile=profile) for profile in workflow.profiles}
        found |= {ability_of(name, profile): lacks for profile, lacks in by_profile.items()}
        found[ability_of(name)] = min(by_profile.values(), key=len)
    return found
