"""Mail: one message at a time to the server of the settings."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
import msgspec

from libs.contracts.errors import Permanent, Retryable
from services.ingest.ledger import utc_now

WITHIN_S = 60.0
"""How long sending one may take."""
GOODBYE_S = 2.0
_PORTS = {"smtp": 587, "smtps": 465}


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail goes, as the settings say it."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    encrypted: bool = False
    """TLS from the first byte."""
    upgraded: bool = True
    """STARTTLS, without which nothing is sent."""

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"


def mail_server(url: str) -> MailServer:
    """`smtp://user:password@host:port?tls=0` or `smtps://...`, read. Raises Permanent("bad_setting")."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        query = parse_qs(parts.query, strict_parsing=bool(parts.query))
        if not parts.hostname or parts.path not in ("", "/") or set(query) - {"tls"}:
            raise ValueError
    except (ValueError, KeyError) as error:
        raise Permanent(
            "bad_setting", "BEATLOOM_INGEST_SMTP_URL is not of the form smtp://user:password@host:587."
        ) from error
    encrypted = parts.scheme == "smtps"
    return MailServer(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        encrypted=encrypted,
        upgraded=not encrypted and query.get("tls", ["1"]) != ["0"],
    )


class Mail:
    """Sends. tls: for servers with a certificate of one's own; None: what the system trusts."""

    def __init__(self, server: MailServer, sender: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._sender = sender
        self._tls = tls

    async def send(self, to: str, subject: str, text: str) -> None:
        """Send one. Raises Retryable("mail_failed"), which names no address."""
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = format_datetime(utc_now())
        message["Message-ID"] = make_msgid(domain=parseaddr(self._sender)[1].rpartition("@")[2] or "localhost")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        client = self._client()
        try:
            async with asyncio.timeout(WITHIN_S):
                await client.connect()
                await client.send_message(message, recipients=[to])
            with suppress(aiosmtplib.SMTPException, OSError):  # it has the message
                await client.quit(timeout=GOODBYE_S)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Retryable("mail_failed", f"The mail server took nothing ({type(error).__name__}).") from error
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            use_tls=server.encrypted,
            start_tls=server.upgraded,
            tls_context=self._tls,
            timeout=WITHIN_S,
        )
