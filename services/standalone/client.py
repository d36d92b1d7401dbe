"""A client of the HTTP API, as any other: orders, follows, downloads. Nothing here knows of the stack's inside."""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from libs.contracts.codes import CODES
from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.contracts.scripts import Script
from services.standalone.sse import Event, EventParser

CONNECT_S = 5.0
QUIET_S = 45.0
"""The server says something every 15 s; three times that without a byte is a dead connection."""
LONGEST_PAUSE_S = 5.0
DOWNLOAD_TRIES = 4
API = "/api/v1"
API_KEY = "BEATLOOM_API_KEY"
"""The variable with the key that every request carries, where users log in."""


class ApiClient:
    """Talks to one stack. Raises `Permanent` or `Retryable` with the code of the server's answer, or
    Retryable("stack_not_running") when nothing answers.

    key: an API key or access token; None: that of the environment, if any.
    """

    def __init__(self, url: str, *, key: str | None = None) -> None:
        key = os.environ.get(API_KEY, "").strip() if key is None else key
        timeout = httpx.Timeout(QUIET_S, connect=CONNECT_S)
        nobody = ssl.SSLContext(
            ssl.PROTOCOL_TLS_CLIENT
        )  # a stack speaks plain HTTP: reading whom to trust takes long
        self._http = httpx.AsyncClient(
            base_url=url, headers=_credentials(key), timeout=timeout, trust_env=False, verify=nobody
        )
        self._url = url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def request(self, method: str, path: str, **rest: Any) -> Any:
        """The JSON that a request is answered with; None without a body."""
        try:
            answer = await self._http.request(method, path, **rest)
        except httpx.TransportError as error:
            raise Retryable("stack_not_running", f"No stack answers at {self._url}.") from error
        if answer.is_error:
            raise problem_of(answer.status_code, answer.content)
        return msgspec.json.decode(answer.content) if answer.content else None

    async def order(
        self,
        song: Path | None,
        options: dict[str, Any],
        *,
        image: Path | None = None,
        lyrics: Path | None = None,
        script: Script | None = None,
    ) -> str:
        """Send a job; its id. Of a script, the song is the music under the voice."""
        sent = {"song": song, "image": image, "lyrics": lyrics}
        files = {name: path.open("rb") for name, path in sent.items() if path is not None}
        try:
            parts: dict[str, Any] = {"options": (None, msgspec.json.encode(options))}
            if script is not None:
                parts["script"] = (None, script.text.encode(errors="replace"))
                if script.prompts:
                    parts["prompts"] = (None, msgspec.json.encode(script.prompts))
                if script.language:
                    parts["language"] = (None, script.language)
            parts |= {name: (sent_name(path), files[name]) for name, path in sent.items() if path is not None}
            accepted = await self.request("POST", f"{API}/jobs", files=parts)
        finally:
            for file in files.values():
                file.close()
        return str(accepted["job_id"])

    async def job(self, job_id: str) -> dict[str, Any]:
        """The job as of now."""
        found: dict[str, Any] = await self.request("GET", f"{API}/jobs/{job_id}")
        return found

    async def cancel(self, job_id: str) -> None:
        """End the job; one that has ended already is fine."""
        try:
            await self.request("POST", f"{API}/jobs/{job_id}/cancel")
        except BeatloomError as error:
            if error.code != "job_ended":
                raise

    async def follow(self, job_id: str) -> AsyncIterator[Event]:
        """The job's events to the end of its run, whatever breaks meanwhile: it reconnects and misses nothing.

        Ends after `completed` or `error`, or when the server says that there is no more.
        """
        parser, pause = EventParser(), 0.0
        while True:
            parser.restart()
            headers = {"Accept": "text/event-stream"}
            if parser.last_id:
                headers["Last-Event-ID"] = parser.last_id
            try:
                async with self._http.stream("GET", f"{API}/jobs/{job_id}/stream", headers=headers) as answer:
                    if answer.status_code == httpx.codes.NO_CONTENT:
                        return
                    if answer.is_client_error:
                        raise problem_of(answer.status_code, await answer.aread())
                    if answer.is_success:
                        async for line in answer.aiter_lines():
                            event = parser.feed(line)
                            if event is None:
                                continue
                            pause = 0.0
                            yield event
                            if event.name in ("completed", "error"):
                                return
            except httpx.TransportError:
                pass
            pause = min(max(2 * pause, parser.retry_s / 4), LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def download(self, path: str, out: Path) -> None:
        """Fetch a file whole: to a hidden name beside `out`, checked, then renamed. Goes on where it broke off."""
        partial = out.with_name(f".beatloom-{os.getpid()}.part")
        try:
            for attempt in range(DOWNLOAD_TRIES):
                try:
                    await self._fetch(path, partial)
                    break
                except httpx.TransportError as error:
                    if attempt + 1 == DOWNLOAD_TRIES:
                        raise Retryable("stack_not_running", "The download broke off.") from error
                    await asyncio.sleep(0.2 * 2**attempt)
            await asyncio.to_thread(_settle, partial, out)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    async def _fetch(self, path: str, partial: Path) -> None:
        have = partial.stat().st_size if partial.exists() else 0  # noqa: ASYNC240
        headers = {"Range": f"bytes={have}-"} if have else {}
        async with self._http.stream("GET", path, headers=headers) as answer:
            if answer.is_error:
                raise problem_of(answer.status_code, await answer.aread())
            resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
            with partial.open("ab" if resumed else "wb") as file:
                async for chunk in answer.aiter_bytes():
                    file.write(chunk)
            tag = answer.headers.get("ETag", "").strip('"')
        if len(tag) == 64 and await asyncio.to_thread(_sha256, partial) != tag:
            partial.unlink()  # noqa: ASYNC240
            raise Permanent("unexpected", "The download differs from what the server holds.")


def _credentials(key: str) -> dict[str, str]:
    """Raises Permanent("unauthenticated") for a key that no header could carry."""
    if not key:
        return {}
    if not (key.isascii() and key.isprintable()):
        raise Permanent("unauthenticated", f"{API_KEY} holds characters that no key has.")
    return {"Authorization": f"Bearer {key}"}


def problem_of(status: int, body: bytes) -> BeatloomError:
    """The error that an answer carries (RFC 9457); a code that isn't known here becomes `unexpected`."""
    try:
        told = msgspec.json.decode(body)
        code, detail, hint = str(told["code"]), str(told.get("detail", "")), str(told.get("hint", ""))
        if wrong := [f"{one['key']}: {one['message']}" for one in told.get("errors", ())]:
            detail = "; ".join(wrong)
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        code, detail, hint = "unexpected", f"The server answered {status}.", ""
    kind = Permanent if httpx.codes.is_client_error(status) else Retryable
    return kind(code if code in CODES else "unexpected", detail, hint=hint)


def sent_name(path: Path) -> str:
    """A file's name as it may stand in a form: what can't be encoded is replaced."""
    return os.fsencode(path.name).decode(errors="replace")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _settle(partial: Path, out: Path) -> None:
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(out)
