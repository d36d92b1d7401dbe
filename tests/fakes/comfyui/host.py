"""A process of doubles: each on a port of its own, all told what to do through one private port."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from uvicorn.server import ServerState

from tests.fakes.comfyui.engine import Server
from tests.fakes.comfyui.http import Answer, Broken, Receive, Request, Scope, Send, read, reply
from tests.fakes.comfyui.routes import Application
from tests.fakes.comfyui.switches import Switches

_HOST = "127.0.0.1"


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((_HOST, port))
    return made


class Port:
    """An ASGI application on a port, which can be shut with all its connections, and opened again."""

    def __init__(self, application: Any) -> None:
        self._config = uvicorn.Config(
            self._guarded,
            interface="asgi3",
            http="h11",
            ws="websockets-sansio",
            ws_ping_interval=None,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            log_level="error",
            timeout_keep_alive=75,
        )
        self._config.load()
        self._application = application
        self._state = ServerState()
        self._listener: asyncio.Server | None = None
        self._placeholder: socket.socket | None = None  # nobody else gets the port while it is shut
        self.number = 0

    async def open(self) -> None:
        """Listen; on the same port as before."""
        if self._listener is not None:
            return
        if self._placeholder is None:
            self._placeholder = _bound(0)
            self.number = int(self._placeholder.getsockname()[1])
        self._state = ServerState()
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._protocol, sock=_bound(self.number), backlog=512)

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self._config.http_protocol_class(  # type: ignore[call-arg]
            config=self._config, server_state=self._state, app_state={}
        )
        return made

    def shut(self) -> None:
        """As a dead process leaves it: nobody listens, all connections are gone."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for transport in self.transports():
            transport.abort()

    def give_up(self) -> None:
        """For good."""
        self.shut()
        if self._placeholder is not None:
            self._placeholder.close()

    def transports(self, *, sockets_alone: bool = False) -> list[Any]:
        """Of the open connections; of the websockets among them."""
        found = []
        for connection in list(self._state.connections):
            is_socket = "websockets" in type(connection).__module__
            transport = getattr(connection, "transport", None)
            if transport is not None and (is_socket or not sockets_alone):
                found.append(transport)
        return found

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._application(scope, receive, send)
        except Broken:
            for transport in self.transports():
                if transport.get_extra_info("peername") == tuple(scope["client"]):
                    transport.abort()
            await asyncio.sleep(0)
            raise asyncio.CancelledError from None


class Hosted:
    """One double with its port and what comes over it in time."""

    def __init__(self, folder: Path, switches: Switches) -> None:
        self.server = Server(folder, switches, on_crash=self._crashed, on_socket=self._hear)
        self.port = Port(Application(self.server))
        self.up = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._flapping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Come up."""
        if self.up:
            return
        await self.port.open()
        self.server.start()
        self.up = True
        self.obey()

    def stop(self) -> None:
        """Die: queue, history and temporary files are lost."""
        if not self.up:
            return
        self.up = False
        self._flap_no_more()
        self.port.shut()
        self.server.stop()

    def end(self) -> None:
        """For good."""
        self.stop()
        self.port.give_up()
        for task in self._tasks:
            task.cancel()
        shutil.rmtree(self.server.folder, ignore_errors=True)

    def obey(self) -> None:
        """Take up switches that were changed."""
        how = self.server.switches
        self.server.sockets.silent = how.socket in ("silent", "deaf")
        self.server.sockets.life_events = how.socket_life_events
        self._hear()
        self._flap_no_more()
        if how.flap_down_s:
            self._flapping = self._later(self._flap(how.flap_up_s, how.flap_down_s))
        elif self.up:
            self._later(self.port.open())

    def _hear(self) -> None:
        deaf = self.server.switches.socket == "deaf"
        for transport in self.port.transports(sockets_alone=True):
            with contextlib.suppress(RuntimeError):
                transport.pause_reading() if deaf else transport.resume_reading()

    def _flap_no_more(self) -> None:
        if self._flapping is not None:
            self._flapping.cancel()
            self._flapping = None

    def _later(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _crashed(self) -> None:
        self.stop()
        self._later(self.restart(self.server.switches.down_s))

    async def restart(self, down_s: float) -> None:
        """Die, and come back empty."""
        self.stop()
        await asyncio.sleep(down_s)
        await self.start()

    async def _flap(self, up_s: float, down_s: float) -> None:
        while True:
            await asyncio.sleep(up_s)
            self.port.shut()
            await asyncio.sleep(down_s)
            await self.port.open()


class Host:
    """All doubles of this process, and the private application that commands them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hosted: dict[str, Hosted] = {}
        self._made = 0
        self.port = Port(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The private routes: /_double, /_double/NAME, /_double/NAME/VERB."""
        request = await read(scope, receive)
        try:
            answer = Answer.of(await self._obey(request))
        except (KeyError, ValueError, msgspec.ValidationError) as error:
            answer = Answer.of({"error": repr(error)}, 400)
        await reply(answer, send)

    async def _obey(self, request: Request) -> Any:
        _, _, rest = request.path.lstrip("/").partition("/")
        name, _, verb = rest.partition("/")
        body = request.json() if request.body else {}
        if not name:
            return await self._add(body)
        hosted = self._hosted[name]
        server = hosted.server
        match verb or request.method:
            case "switches":
                server.changes(**body)
                hosted.obey()
            case "next":
                server.next_changes.append(body)
            case "drop":
                for transport in hosted.port.transports(sockets_alone=True):
                    transport.abort()
            case "restart":
                await hosted.restart(float(body.get("down_s", 0.0)))
            case "stop":
                hosted.stop()
            case "start":
                await hosted.start()
            case "DELETE":
                self._hosted.pop(name).end()
            case "GET":
                return self._state(hosted)
            case unknown:
                raise ValueError(unknown)
        return {}

    async def _add(self, switches: dict[str, Any]) -> dict[str, Any]:
        self._made += 1
        name = str(self._made)
        hosted = Hosted(self._folder / name, msgspec.convert(switches, Switches))
        await hosted.start()
        self._hosted[name] = hosted
        return {"name": name, "url": f"http://{_HOST}:{hosted.port.number}", "folder": str(hosted.server.folder)}

    @staticmethod
    def _state(hosted: Hosted) -> dict[str, Any]:
        server = hosted.server
        counts = {
            name: dict(value) if isinstance(value, Counter) else value
            for name, value in msgspec.structs.asdict(server.counts).items()
        }
        return {
            "up": hosted.up,
            "epoch": server.epoch,
            "running": server.running.id if server.running else "",
            "pending": [entry[2].id for entry in server.pending],
            "history": list(server.history),
            "resident": list(server.resident),
            "sockets": server.sockets.accepted,
            "counts": counts,
        }
