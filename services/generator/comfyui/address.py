"""Where a server is, and what we are called there. Pure."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode, urlsplit

from msgspec import Struct


class Address(Struct, frozen=True):
    """A server's address: http or https, host and port, perhaps user and password, and no path.

    A path before ComfyUI's own routes is refused: a proxy has to give each server a host or a port of its own.
    """

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError(f"{self.name or self.url} is no address like http://host:8188")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError(f"{self.name} has something behind the port")

    @property
    def name(self) -> str:
        """Host and port, for people, logs and keys."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def base(self) -> str:
        """For HTTP, without a slash at the end."""
        return self.url.rstrip("/")

    @property
    def secure(self) -> bool:
        """Whether it is reached through TLS."""
        return self.url.startswith("https:")

    def socket(self, client_id: str) -> str:
        """For the websocket."""
        parts = urlsplit(self.url)
        scheme = "wss" if self.secure else "ws"
        return f"{scheme}://{parts.netloc}/ws?{urlencode({'clientId': client_id})}"


def client_id(process: str, address: Address) -> str:
    """The id under which a process is known to a server: 32 hexadecimal digits.

    process: any text that no other process has. A second socket with the same id takes all of the first one's
    messages, so two processes must never share one; and a socket that comes back has to bring the same.
    """
    return hashlib.sha256(f"{process}\n{address.name}".encode()).hexdigest()[:32]
