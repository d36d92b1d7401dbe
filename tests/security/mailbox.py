"""A real SMTP server for tests: what it took, and what it may be told to do wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

USER, PASSWORD = "beatloom", "p@ss:word/"


class Mailbox:
    """A server on a free port of loopback; it forgets nothing."""

    def __init__(self) -> None:
        self.port = 0
        self.messages: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.began = 0
        """How many messages have come, taken or not."""
        self.refuses = False
        self.slow_s = 0.0
        self.spoken: list[bool] = []
        """Of each message whether it came through TLS."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a message, or not."""
        self.began += 1
        await asyncio.sleep(self.slow_s)
        if self.refuses:
            return "451 try again later"
        assert isinstance(envelope.content, bytes)
        found = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        self.messages.append(found)
        self.recipients.extend(envelope.rcpt_tos)
        self.spoken.append(session.ssl is not None)
        return "250 taken"

    def text(self, number: int = -1) -> str:
        """What a message says."""
        body = self.messages[number].get_body()
        assert body is not None
        text: str = body.get_content()
        return text

    def token(self, number: int = -1) -> str:
        """The reset token in a message."""
        return next(line for line in self.text(number).splitlines() if line.count(".") == 2 and " " not in line)


def _authenticates(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    right = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=data == right, handled=False)


@asynccontextmanager
async def mailbox(*, tls: ssl.SSLContext | None = None, login: bool = False) -> AsyncIterator[Mailbox]:
    """A server for a while. tls: it offers STARTTLS with this, and takes nothing without."""
    box = Mailbox()
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {"hostname": "localhost", "loop": loop}
    if tls is not None:
        options |= {"tls_context": tls, "require_starttls": True}
    if login:
        options |= {"authenticator": _authenticates, "auth_required": True}
    server = await loop.create_server(lambda: SMTP(box, **options), "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A certificate of localhost that signs itself: the server's side, and a client's that trusts it."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(private + made.public_bytes(Encoding.PEM))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=made.public_bytes(Encoding.PEM).decode())
