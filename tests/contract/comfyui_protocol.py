"""Plays captured exchanges with ComfyUI against a server, and says where the answers differ in kind."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import websockets
from PIL import Image

from tests.fakes.comfyui.catalogue import CAPTURED

_PROGRESS = ("progress_state", "progress", "preview")
_FREE_FORM = ("current_inputs", "input_config", "traceback", "comfy_package_versions", "workflow")
LAST = "executing nothing"

Event = dict[str, Any]


def captured(name: str) -> dict[str, Any]:
    """A file of captured answers, by the name of the case."""
    found: dict[str, Any] = json.loads((CAPTURED / f"{name}.json").read_bytes())
    return found


def transcript(name: str) -> list[Event]:
    """What a websocket heard."""
    return [json.loads(line) for line in (CAPTURED / "events" / f"{name}.jsonl").read_text().splitlines()]


def kind(event: Event) -> str:
    """The type of a message; LAST for the one that ends a prompt."""
    if "json" not in event:
        return "preview"
    said = event["json"]
    if said["type"] == "executing" and said["data"]["node"] is None:
        return LAST
    return str(said["type"])


def folded(events: list[Event]) -> list[str]:
    """The types in order, a run of any progress as one."""
    found: list[str] = []
    for event in events:
        one = "progress" if kind(event) in _PROGRESS else kind(event)
        if not (one == "progress" and found[-1:] == ["progress"]):
            found.append(one)
    return found


def differences(expected: Any, got: Any, path: str = "") -> Iterator[str]:
    """Where the keys of two JSON values differ, or the kind of what they hold."""
    match expected, got:
        case dict(), dict():
            for key in sorted(expected.keys() ^ got.keys()):
                yield f"{path}/{key} only {'expected' if key in expected else 'got'}"
            for key in expected.keys() & got.keys() - {*_FREE_FORM}:
                yield from differences(expected[key], got[key], f"{path}/{key}")
        case list(), list():
            for number, (one, other) in enumerate(zip(expected, got, strict=False)):
                yield from differences(one, other, f"{path}/{number}")
        case (int() | float(), int() | float()) | (str(), str()) | (None, _) | (_, None):
            pass
        case _:
            yield f"{path} is {type(got).__name__}, not {type(expected).__name__}"


def same_kinds(expected: list[Event], got: list[Event]) -> None:
    """The first message of each type has the same keys, and previews the same header."""
    for wanted in {kind(event) for event in expected}:
        one = next(event for event in expected if kind(event) == wanted)
        other = next(event for event in got if kind(event) == wanted)
        if wanted == "preview":
            assert (one["event"], one.get("metadata", {}).keys()) == (
                other["event"],
                other.get("metadata", {}).keys(),
            )
        elif wanted != "progress_state":
            assert not list(differences(one["json"], other["json"])), wanted
        else:
            nodes = [next(iter(event["json"]["data"]["nodes"].values())) for event in (one, other)]
            assert not list(differences(*nodes)), wanted


class Player:
    """A client that speaks the bare protocol to one server."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def replay(self, request: dict[str, Any]) -> httpx.Response:
        """Send a captured request."""
        content = request.get("data")
        body = json.dumps(request["json"]) if "json" in request else content
        headers = {"content-type": "application/json"} if "json" in request else {}
        return await self.http.request(request["method"], request["path"], content=body, headers=headers)

    async def upload(self, name: str, data: bytes | None = None, **fields: str) -> httpx.Response:
        """Upload an image, or any bytes."""
        return await self.http.post("/upload/image", files={"image": (name, data or png())}, data=fields)

    async def forget(self) -> None:
        """Leave nothing in cache and history."""
        await self.http.post("/free", json={"unload_models": True, "free_memory": True})
        await self.http.post("/history", json={"clear": True})

    async def post(self, graph: dict[str, Any], **fields: Any) -> str:
        """Post a prompt, and return its id."""
        answer = await self.http.post("/prompt", json={"prompt": graph, "prompt_id": str(uuid.uuid4()), **fields})
        assert answer.status_code == httpx.codes.OK, answer.text
        return str(answer.json()["prompt_id"])

    async def seen(self, ask: Callable[[], Awaitable[httpx.Response]], wanted: Callable[[Any], bool]) -> Any:
        """What a route answers, as soon as it is as wanted."""
        for _ in range(3000):
            if wanted(found := (await ask()).json()):
                return found
            await asyncio.sleep(0.01)
        raise TimeoutError

    async def history(self, prompt_id: str) -> dict[str, Any]:
        """Its entry, as soon as there is one."""
        found = await self.seen(lambda: self.http.get(f"/history/{prompt_id}"), bool)
        entry: dict[str, Any] = found[prompt_id]
        return entry

    @asynccontextmanager
    async def socket(self, client_id: str = "") -> Any:
        """A websocket as a `Listener`."""
        address = str(self.http.base_url).rstrip("/").replace("http", "ws", 1) + "/ws"
        whole = f"{address}?clientId={client_id}" if client_id else address
        async with websockets.connect(whole, close_timeout=0.5) as socket:
            yield Listener(socket)


class Listener:
    """A websocket that keeps what it heard."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.heard: list[Event] = []

    async def until(self, wanted: Callable[[Event], bool], timeout_s: float = 30.0) -> Event:
        """Listen until such an event."""
        async with asyncio.timeout(timeout_s):
            while True:
                event = _event(await self.socket.recv())
                self.heard.append(event)
                if wanted(event):
                    return event

    async def until_kind(self, wanted: str) -> Event:
        """Listen until an event of this type."""
        return await self.until(lambda event: kind(event) == wanted)

    async def silence(self, seconds: float = 0.3) -> None:
        """Listen for so long."""
        try:
            await self.until(lambda event: False, seconds)
        except TimeoutError:
            return


def _event(message: str | bytes) -> Event:
    if isinstance(message, str):
        return {"json": json.loads(message)}
    number, second = int.from_bytes(message[:4], "big"), int.from_bytes(message[4:8], "big")
    if number == 4:
        return {"event": number, "metadata": json.loads(message[8 : 8 + second]), "image": message[8 + second :]}
    return {"event": number, "image": message[8:]}


def png(colour: tuple[int, int, int] = (200, 60, 20)) -> bytes:
    """A small picture."""
    data = io.BytesIO()
    Image.new("RGB", (320, 200), colour).save(data, "PNG")
    return data.getvalue()
