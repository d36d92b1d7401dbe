"""What httpx says, in the words of `errors.py`, and how much it may bring."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from services.generator.comfyui.errors import Refused, Unreachable, brief

BETWEEN = (502, 503, 504)
"""What a proxy answers for a server that doesn't."""
NOBODY = (502, 503)
"""What it answers when nobody is behind it. After 504 somebody may be, and be slow."""
LARGEST_ANSWER = 32_000_000
"""Bytes of an answer, where the request's extension `largest` says nothing else."""

_CUT_OFF = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
"""The connection ended without an answer: so do forwarders of ports that find nobody behind them."""

_SAID = 120
"""Letters of a refusal's body that are kept."""

_ADVICE = {
    **dict.fromkeys((301, 302, 303, 307, 308), "it sends us elsewhere; name the address that it sends to"),
    **dict.fromkeys((401, 407), "it wants a login; write it as http://USER:PASSWORD@HOST"),
    403: "it lets nobody in, or not with this login",
}


@functools.cache
def tls() -> ssl.SSLContext:
    """Checks certificates by the system's authorities, or by SSL_CERT_FILE. Made once: it takes milliseconds."""
    return ssl.create_default_context()


class Bounded(httpx.AsyncBaseTransport):
    """Takes answers of a bounded size as they are: nothing compressed, which can be a thousand times larger than
    it seems, and no cookies, which would pile up. Raises ValueError for others.

    The extension `largest` of a request says how many bytes a good answer may have, None: any number.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As `inner` does."""
        request.headers["Accept-Encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        largest = request.extensions.get("largest", LARGEST_ANSWER) if response.is_success else LARGEST_ANSWER
        coding = response.headers.get("content-encoding", "identity")
        if coding.lower() not in ("identity", ""):
            await response.aclose()
            raise ValueError(f"it is compressed ({brief(coding, 20)}), though none of that was asked for")
        headers = [(key, value) for key, value in response.headers.raw if key.lower() != b"set-cookie"]
        if not isinstance(response.stream, httpx.AsyncByteStream):
            raise TypeError("the transport within is not asynchronous")
        return httpx.Response(
            response.status_code,
            headers=headers,
            stream=response.stream if largest is None else _BoundedStream(response.stream, largest),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """As `inner` does."""
        await self._inner.aclose()


class _BoundedStream(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, largest: int) -> None:
        self._inner = inner
        self._left = self._largest = largest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise ValueError(f"it has more than {self._largest} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def answered(response: httpx.Response) -> httpx.Response:
    """The response, if it is a success; else httpx.HTTPStatusError, for `translated`. Its body has to be read."""
    return response.raise_for_status()


@asynccontextmanager
async def translated(what: str, limit_s: float | None) -> AsyncIterator[None]:
    """Run the block for at most `limit_s` seconds, and raise Unreachable or Refused for what goes wrong in it.

    what: the server and the call, for people. ValueError counts as an answer that can't be read.
    """
    began = time.monotonic()

    def unreachable(text: str, *, reached: bool, refused: bool) -> Unreachable:
        return Unreachable(text, after=time.monotonic() - began, reached=reached, refused=refused)

    try:
        async with asyncio.timeout(limit_s):
            yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise unreachable(_text(what, error), reached=False, refused=_refused(error)) from error
    except (httpx.RequestError, TimeoutError) as error:
        raise unreachable(_text(what, error), reached=True, refused=isinstance(error, _CUT_OFF)) from error
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        text = "; ".join(filter(None, (f"{what}: {status} {said(error.response)}".rstrip(), _ADVICE.get(status))))
        if status in BETWEEN:
            raise unreachable(text, reached=True, refused=status in NOBODY) from error
        raise Refused(text, status=status) from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise Refused(f"{what}: the answer can't be read: {error}", status=200) from error
    except RuntimeError as error:
        if "closed" not in str(error):
            raise
        raise unreachable(_text(what, error), reached=True, refused=False) from error


def said(response: httpx.Response) -> str:
    """The beginning of a body that was read, on one line; "" for HTML, and for an answer to a request with a
    password in it: some servers repeat what they were told."""
    if not response.is_closed or "authorization" in response.request.headers:
        return ""
    text = response.content[: 4 * _SAID].decode("utf-8", "replace")
    return "" if text.lstrip().startswith("<") else brief(text, _SAID)


def _refused(error: BaseException | None) -> bool:
    """Whether all addresses refused. A name that isn't found, or a host without a way, says less."""
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            return all(map(_refused, error.exceptions))
        if isinstance(error, ConnectionRefusedError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _text(what: str, error: Exception) -> str:
    return f"{what}: {str(error) or type(error).__name__}"
