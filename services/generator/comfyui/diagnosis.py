"""Why a server can't be talked to, and what to do, in words for the person who named it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from services.generator.comfyui.address import Address
from services.generator.comfyui.errors import ComfyError, Refused, Unreachable

PROBE_S = 2.0
_USUAL = "ComfyUI's own port is 8188"


async def diagnosis(address: Address, error: ComfyError) -> str:
    """What the server does, and what helps: to be set behind its name, without a full stop at the end."""
    told = ""
    if isinstance(error, Refused):
        told = _refused(address, error)
    elif isinstance(error, Unreachable):
        told = _unreachable(address, error)
        if error.reached and not address.secure and await _speaks_tls(address):
            told = f"speaks https: name it as https://{address.name}"
    return told or f"does not answer as it should: {str(error).rstrip('.')}"


def _refused(address: Address, error: Refused) -> str:
    status = error.status
    if status == 401:
        known = urlsplit(address.url).username is not None
        return (
            "refuses this user and password (401)"
            if known
            else f"wants a password (401): name it as http{'s' * address.secure}://USER:PASSWORD@{address.name}"
        )
    if status == 403:
        return "lets us not in (403): what stands before it allows only some users or addresses"
    if 300 <= status < 400:
        return f"sends us elsewhere ({status}): name the address where ComfyUI itself answers"
    if status == 404 or status < 300:
        return f"answers, but not as ComfyUI does: another program on that port? {_USUAL}"
    if status == 400 and not address.secure:
        return f"answers 400: perhaps it speaks https, so try https://{address.name}"
    return ""


def _unreachable(address: Address, error: Unreachable) -> str:
    causes = tuple(_causes(error))
    text = " ".join(map(str, causes))

    def was(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    told = (
        (was(socket.gaierror), "is a name that nobody knows: check how it is written, and the DNS"),
        (
            was(ConnectionRefusedError),
            f"takes no connection: is ComfyUI running there, started with --listen? {_USUAL}",
        ),
        (
            "CERTIFICATE_VERIFY_FAILED" in text,
            "has a certificate that is not trusted here: set SSL_CERT_FILE to the file of its authority",
        ),
        (
            address.secure and ("WRONG_VERSION_NUMBER" in text or "record layer failure" in text),
            f"speaks no https: name it as http://{address.name}",
        ),
        (
            was(httpx.ConnectTimeout),
            "can't be reached, nothing comes back: is the machine on, does a firewall stand between?",
        ),
        (was(httpx.RemoteProtocolError), f"does not speak HTTP: another program on that port? {_USUAL}"),
        (
            was(TimeoutError, httpx.ReadTimeout),
            f"was reached and said nothing for {error.after:.0f} s: it hangs, or is no ComfyUI",
        ),
        (
            was(httpx.HTTPStatusError),
            "is not up: the proxy before it answers for it; start ComfyUI, or wait until it is up",
        ),
    )
    return next((words for holds, words in told if holds), "")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """All that led to it."""
    for cause in (error.__cause__, error.__context__):
        if cause is not None:
            yield cause
            yield from _causes(cause)
            return
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield each
            yield from _causes(each)


async def _speaks_tls(address: Address) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    parts = urlsplit(address.url)
    try:
        async with asyncio.timeout(PROBE_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, ssl=context)
    except (OSError, EOFError):
        return False
    writer.close()
    return True
