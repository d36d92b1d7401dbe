"""What a person is told of a server that can't be talked to."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.generator.comfyui.address import Address
from services.generator.comfyui.diagnosis import diagnosis
from services.generator.comfyui.errors import ComfyError
from services.generator.comfyui.gateway import Gateway
from tests.ports import free_port

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def saying(answer: bytes) -> Handler:
    """Answers each request with these bytes, and ends the connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)

    return handle


def answer(status: str, body: str = "", *more: str) -> bytes:
    """An answer in HTTP."""
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more, "", body]).encode()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the request, and that is all."""
    await reader.read()


@asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server; its port. Connections are ended with their handlers."""
    handled: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handled.add(asyncio.create_task(handle(reader, writer)))

    server = await asyncio.start_server(came, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*handled, return_exceptions=True)


async def told(url: str) -> str:
    """What is said of the server when it is asked what it is."""
    address = Address(url)
    async with Gateway(address, "test", quick_s=1.0) as gateway:
        with pytest.raises(ComfyError) as caught:
            await gateway.stats()
        return await diagnosis(address, caught.value)


@pytest.mark.parametrize(
    ("handler", "says"),
    [
        (saying(answer("404 Not Found")), "answers, but not as ComfyUI does"),
        (saying(answer("200 OK", "<html>hello</html>")), "answers, but not as ComfyUI does"),
        (saying(answer("200 OK", "{}")), "answers, but not as ComfyUI does"),
        (saying(answer("401 Unauthorized")), "wants a password (401): name it as http://USER:PASSWORD@127.0.0.1:"),
        (saying(answer("403 Forbidden")), "lets us not in (403)"),
        (saying(answer("302 Found", "", "Location: http://127.0.0.1/login")), "sends us elsewhere (302)"),
        (saying(answer("502 Bad Gateway")), "is not up: the proxy before it"),
        (saying(answer("400 Bad Request", "The plain HTTP request was sent to HTTPS port")), "speaks https"),
        (saying(b"INFO {}\r\n"), "does not speak HTTP"),
        (silent, "was reached and said nothing"),
    ],
)
async def test_what_stands_there_is_told(handler: Handler, says: str) -> None:
    async with listening(handler) as port:
        assert says in await told(f"http://127.0.0.1:{port}")


async def test_nobody_there_is_told() -> None:
    assert "takes no connection: is ComfyUI running" in await told(f"http://127.0.0.1:{free_port()}")
    assert "is a name that nobody knows" in await told("http://gpu.invalid:8188")


async def test_a_wrong_password_is_told_and_not_shown() -> None:
    async with listening(saying(answer("401 Unauthorized"))) as port:
        found = await told(f"http://ann:s3cret@127.0.0.1:{port}")
    assert "refuses this user and password" in found
    assert "s3cret" not in found


async def test_https_and_http_are_told_apart(tmp_path: Path) -> None:
    async with listening(saying(answer("200 OK", "{}")), self_signed(tmp_path)) as port:
        assert await told(f"http://127.0.0.1:{port}") == f"speaks https: name it as https://127.0.0.1:{port}"
        assert "certificate that is not trusted here: set SSL_CERT_FILE" in await told(f"https://127.0.0.1:{port}")
    async with listening(saying(answer("400 Bad Request"))) as port:
        assert await told(f"https://127.0.0.1:{port}") == f"speaks no https: name it as http://127.0.0.1:{port}"


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    day = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(day)
        .not_valid_after(day + datetime.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    plain = serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
