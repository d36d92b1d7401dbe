"""What httpx says, in the words of `errors.py`."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from services.generator.comfyui.errors import Refused, Unreachable

BETWEEN = (502, 503, 504)
"""What a proxy answers for a server that doesn't."""

_SAID = 120
"""Letters of a refusal's body that are kept."""


@functools.cache
def tls() -> ssl.SSLContext:
    """Checks certificates by the system's authorities, or by SSL_CERT_FILE. Made once: it takes milliseconds."""
    return ssl.create_default_context()


def answered(response: httpx.Response) -> httpx.Response:
    """The response, if it is a success; else httpx.HTTPStatusError, for `translated`. Its body has to be read."""
    return response.raise_for_status()


@asynccontextmanager
async def translated(what: str, limit_s: float | None) -> AsyncIterator[None]:
    """Run the block for at most `limit_s` seconds, and raise Unreachable or Refused for what goes wrong in it.

    what: the server and the call, for people. ValueError counts as an answer that can't be read.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(limit_s):
            yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Unreachable(_text(what, error), after=time.monotonic() - began, reached=False) from error
    except (httpx.RequestError, TimeoutError) as error:
        raise Unreachable(_text(what, error), after=time.monotonic() - began, reached=True) from error
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        text = f"{what}: {status} {said(error.response)}".rstrip()
        if status in BETWEEN:
            raise Unreachable(text, after=time.monotonic() - began, reached=True) from error
        raise Refused(text, status=status) from error
    except RuntimeError as error:
        if "closed" not in str(error):
            raise
        raise Unreachable(_text(what, error), after=time.monotonic() - began, reached=True) from error
    except ValueError as error:
        raise Refused(f"{what}: the answer can't be read: {error}", status=200) from error


def said(response: httpx.Response) -> str:
    """The beginning of a body that was read, on one line; "" for HTML."""
    text = response.text if response.is_closed else ""
    return "" if text.lstrip().startswith("<") else " ".join(text.split())[:_SAID]


def _text(what: str, error: Exception) -> str:
    return f"{what}: {str(error) or type(error).__name__}"
