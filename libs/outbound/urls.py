"""URLs that others name: what their text must be like. Pure; nothing is resolved or called here."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import urlsplit

from libs.contracts.errors import Permanent

MAX_URL_CHARS = 2000
ANY_HOST = "*"

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNSAFE = re.compile(r"[^\x21-\x7e]|[\\<>\"^`{|}]")
"""Blanks, control characters, whatever is not ASCII, and what parsers of URLs disagree about."""
_HOST = re.compile(
    r"(?=.{1,253}\.?\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?\Z"
)
_LOCAL_NAMES = (".localhost", ".local", ".internal")


class Purpose(NamedTuple):
    """What a URL is for: the words and the codes of its errors."""

    noun: str
    refused: str
    """The code of a URL that is not allowed."""
    failed: str
    """The code of a call that may succeed later."""


CALLBACK = Purpose("callback URL", "bad_callback_url", "delivery_failed")
SOURCE = Purpose("source URL", "bad_source_url", "fetch_failed")


class CheckedUrl(NamedTuple):
    """The parts of a URL that was found good."""

    scheme: str
    """http or https."""
    host: str
    """Lower case, without brackets."""
    port: int
    target: str
    """Path and query, byte for byte as they were given."""
    address: IPAddress | None
    """The host when it is an address."""

    @property
    def masked(self) -> str:
        """For logs: the host alone, since paths and queries may hold secrets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}/..."


def check_url(url: str, allow: Collection[str] = (), purpose: Purpose = CALLBACK) -> CheckedUrl:
    """The parts of `url`, checked as far as its text tells.

    allow: hosts and addresses that may be called although they are private; "*" allows all. A host name's
    addresses are for whoever resolves it, with `is_public`.
    Raises Permanent(purpose.refused); its message never holds the URL.
    """
    try:
        return _checked(url, allow)
    except ValueError as error:
        raise not_allowed(purpose, str(error)) from None


def not_allowed(purpose: Purpose, why: str) -> Permanent:
    """The error of a URL that may not be called."""
    return Permanent(purpose.refused, f"The {purpose.noun} is not allowed: {why}.")


def _checked(url: str, allow: Collection[str]) -> CheckedUrl:
    if len(url) > MAX_URL_CHARS:
        raise ValueError("it is too long")
    if _UNSAFE.search(url):
        raise ValueError("it holds characters that a URL can't have")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("it can't be read") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("it must begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("it may not hold a user or a password")
    if parts.fragment or "#" in url:
        raise ValueError("it may not hold a fragment")
    if port == 0:
        raise ValueError("its port is 0")
    host = (parts.hostname or "").lower()
    address = parse_address(host)
    if address is None and (":" in host or not _HOST.match(host) or _looks_numeric(host)):
        raise ValueError("its host is not a name or an address")
    if _is_private(host, address, allow) and not is_allowed(host, address, allow):
        raise ValueError("its host is private")
    target = url[url.index(parts.netloc, len(parts.scheme) + 3) + len(parts.netloc) :]
    if not target.startswith("/"):
        target = "/" + target
    return CheckedUrl(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), target, address)


def parse_address(host: str) -> IPAddress | None:
    """The address that a host's text is, without a zone; None for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return None
    return address


def is_public(address: IPAddress) -> bool:
    """True for an address of the open internet. IPv6 that carries IPv4 is judged by what it carries, too."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            carried.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        inner = [each for each in carried if each is not None]
        if inner:
            return all(is_public(each) for each in inner)
        if address not in _GLOBAL_UNICAST:
            return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not address.is_loopback
        and not address.is_link_local
    )


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


def is_allowed(host: str, address: IPAddress | None, allow: Collection[str]) -> bool:
    """True when the host or its address is on the list of those that may be private."""
    if ANY_HOST in allow:
        return True
    wanted = {entry.strip().strip("[]").lower().rstrip(".") for entry in allow}
    return host.rstrip(".") in wanted or (address is not None and str(address) in wanted)


def _is_private(host: str, address: IPAddress | None, allow: Collection[str]) -> bool:
    if address is not None:
        return not is_public(address)
    if any(parse_address(entry.strip().strip("[]")) for entry in allow):
        return False  # the name may mean an address that is allowed: for whoever resolves it
    name = host.rstrip(".")
    return name == "localhost" or name.endswith(_LOCAL_NAMES)


def _looks_numeric(host: str) -> bool:
    """True for what old parsers take for an IPv4 address: 127.1, 0x7f000001, 2130706433."""
    last = host.rstrip(".").rpartition(".")[2]
    return last.isdigit() or bool(re.fullmatch(r"0x[0-9a-f]*", last))
