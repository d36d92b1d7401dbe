"""Signed addresses: good for one path, one method and a while, and for nothing else."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import Permanent
from libs.seal import Keyring
from libs.seal.addresses import GET, PUT, Addresses

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
PATH = "/api/v1/jobs/j1/files/clips/s001.mp4"


def parts(address: str) -> tuple[str, dict[str, str]]:
    path, _, query = address.partition("?")
    return path, dict(parse_qsl(query, keep_blank_values=True))


def code(
    addresses: Addresses,
    path: str,
    query: dict[str, str],
    now: datetime = NOW,
    *,
    method: str = GET,
    bound: str = "",
) -> str:
    try:
        addresses.check(path, query, now, method=method, bound=bound)
    except Permanent as error:
        return error.code
    return ""


def test_an_address_is_good_until_its_end() -> None:
    addresses = Addresses(Keyring([NEW]))
    path, query = parts(addresses.sign(PATH, NOW + timedelta(hours=1)))
    assert (path, sorted(query)) == (PATH, ["expires", "signature"])
    assert code(addresses, path, query) == ""
    assert code(addresses, path, query, NOW + timedelta(minutes=59, seconds=59)) == ""
    assert code(addresses, path, query, NOW + timedelta(hours=1)) == "link_expired"


def test_nothing_of_it_can_be_changed() -> None:
    addresses = Addresses(Keyring([NEW]))
    path, query = parts(addresses.sign(PATH, NOW + timedelta(hours=1), method=PUT, bound="6 audio/mpeg"))
    assert code(addresses, path, query, method=PUT, bound="6 audio/mpeg") == ""
    for other_path, other_query, how in (
        (path + "x", query, {"method": PUT, "bound": "6 audio/mpeg"}),
        (path, query, {"bound": "6 audio/mpeg"}),
        (path, query, {"method": PUT, "bound": "7 audio/mpeg"}),
        (path, {**query, "expires": str(int(query["expires"]) + 1)}, {"method": PUT, "bound": "6 audio/mpeg"}),
        (path, {"expires": query["expires"]}, {"method": PUT, "bound": "6 audio/mpeg"}),
        (path, {"signature": query["signature"]}, {"method": PUT, "bound": "6 audio/mpeg"}),
        (path, {}, {"method": PUT, "bound": "6 audio/mpeg"}),
    ):
        method, bound = how.get("method", GET), how.get("bound", "")
        assert code(addresses, other_path, other_query, method=method, bound=bound) == "bad_signature"


@given(st.dictionaries(st.sampled_from(["expires", "signature"]), st.text(max_size=60)))
def test_any_query_is_judged_without_another_error(query: dict[str, str]) -> None:
    assert code(Addresses(Keyring([NEW])), PATH, query) == "bad_signature"


def test_an_older_key_is_understood_until_it_is_taken_away() -> None:
    path, query = parts(Addresses(Keyring([OLD])).sign(PATH, NOW + timedelta(hours=1)))
    assert code(Addresses(Keyring([NEW, OLD])), path, query) == ""
    assert code(Addresses(Keyring([NEW])), path, query) == "bad_signature"


def test_without_a_key_nothing_is_signed_and_nothing_is_good() -> None:
    addresses = Addresses(Keyring([]))
    assert not addresses.signs
    with pytest.raises(Permanent, match="no_secret_key"):
        addresses.sign(PATH, NOW)
    path, query = parts(Addresses(Keyring([NEW])).sign(PATH, NOW + timedelta(hours=1)))
    assert code(addresses, path, query) == "bad_signature"
