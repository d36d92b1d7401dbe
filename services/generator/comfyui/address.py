"""Where a server is, and what we are called there. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from msgspec import Struct

_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?|[0-9a-f:.]*:[0-9a-f:.]*")
"""A name, or an address of IPv4 or IPv6."""
_SECRETIVE = re.compile(r"[@?#]")


class Address(Struct, frozen=True):
    """A server's address: http or https, host and port, perhaps user and password, and no path.

    A path before ComfyUI's own routes is refused: a proxy has to give each server a host or a port of its own.
    Only `url` and `headers` hold the password; whatever is made of the others can be shown.
    """

    url: str

    def __post_init__(self) -> None:
        parts = _parts(self.url)
        if parts is None or parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.hostname or ""):
            shown = "This (not shown, since a password may be in it)" if _SECRETIVE.search(self.url) else self.url
            raise ValueError(f"{shown} is no address like http://host:8188")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError(f"{self.name} has something behind the port")

    def __repr__(self) -> str:
        return f"Address({self.base!r})"

    @property
    def name(self) -> str:
        """Host and port, for people, logs and keys."""
        return urlsplit(self.url).netloc.rpartition("@")[2].lower()

    @property
    def base(self) -> str:
        """For HTTP, without a slash at the end."""
        return f"{'https' if self.secure else 'http'}://{self.name}"

    @property
    def secure(self) -> bool:
        """Whether it is reached through TLS."""
        return urlsplit(self.url).scheme == "https"

    @property
    def headers(self) -> Mapping[str, str]:
        """What logs us in, where a user is named. Secret."""
        parts = urlsplit(self.url)
        if not parts.username and not parts.password:
            return {}
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}

    def socket(self, client_id: str) -> str:
        """For the websocket."""
        scheme = "wss" if self.secure else "ws"
        return f"{scheme}://{self.name}/ws?{urlencode({'clientId': client_id})}"


def _parts(url: str) -> SplitResult | None:
    """None for what can't be parsed: what the parser says of it would quote it."""
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts
    except ValueError:
        return None


def client_id(process: str, address: Address) -> str:
    """The id under which a process is known to a server: 32 hexadecimal digits.

    process: any text that no other process has. A second socket with the same id takes all of the first one's
    messages, so two processes must never share one; and a socket that comes back has to bring the same.
    """
    return hashlib.sha256(f"{process}\n{address.name}".encode()).hexdigest()[:32]
