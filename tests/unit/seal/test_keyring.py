"""Secrets that are sealed, and keys for other purposes."""

from __future__ import annotations

import base64
import hashlib

import pytest

from libs.contracts.errors import Permanent, Retryable
from libs.seal import Keyring


def key(name: str) -> str:
    """A key of this name."""
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


def test_what_is_sealed_can_be_opened_and_not_read() -> None:
    ring = Keyring([key("a")])
    first, second = ring.seal(b"whsec_hello"), ring.seal(b"whsec_hello")
    assert first != second
    assert "hello" not in first and base64.b64encode(b"hello").decode() not in first
    assert ring.open(first) == ring.open(second) == b"whsec_hello"


def test_a_new_key_comes_before_the_old_one() -> None:
    old, both, new = Keyring([key("old")]), Keyring([key("new"), key("old")]), Keyring([key("new")])
    assert both.open(old.seal(b"x")) == b"x"
    assert new.open(both.seal(b"y")) == b"y"
    with pytest.raises(Retryable) as caught:
        new.open(old.seal(b"x"))
    assert caught.value.code == "no_secret_key"


def test_what_an_old_key_sealed_is_sealed_anew() -> None:
    old, both, new = Keyring([key("old")]), Keyring([key("new"), key("old")]), Keyring([key("new")])
    renewed = both.renewed(old.seal(b"x"))
    assert new.open(renewed) == b"x"
    assert both.renewed(renewed) == renewed
    with pytest.raises(Retryable):
        new.renewed(old.seal(b"x"))


def test_who_changes_a_sealed_text_does_not_open_it() -> None:
    ring = Keyring([key("a")])
    sealed = ring.seal(b"secret")
    for altered in (sealed[:-2], sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:], "", "ä"):
        with pytest.raises(Retryable):
            ring.open(altered)


def test_each_purpose_has_a_key_of_its_own() -> None:
    ring = Keyring([key("new"), key("old")])
    assert len(ring.subkey("addresses")) == 32
    assert ring.subkey("addresses") != ring.subkey("cursors")
    assert ring.subkeys("addresses") == (Keyring([key("new")]).subkey("addresses"), ring.subkeys("addresses")[1])
    assert ring.subkeys("addresses")[1] == Keyring([key("old")]).subkey("addresses")


def test_without_a_key_nothing_is_sealed() -> None:
    ring = Keyring(())
    assert not ring.has_key
    assert ring.subkeys("addresses") == ()
    for call in (lambda: ring.seal(b"x"), lambda: ring.subkey("addresses")):
        with pytest.raises(Permanent) as caught:
            call()
        assert caught.value.code == "no_secret_key"
    with pytest.raises(Retryable):
        ring.open("x")


def test_both_alphabets_of_base64_are_read() -> None:
    raw = b"\xff\xfe" * 16
    standard, urlsafe = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")
    assert standard != urlsafe
    assert Keyring([standard]).subkey("a") == Keyring([urlsafe]).subkey("a")


@pytest.mark.parametrize("bad", ["", "short", "ü" * 44, base64.b64encode(b"x" * 31).decode(), "!" * 44])
def test_a_key_that_is_none_is_refused_without_repeating_it(bad: str) -> None:
    with pytest.raises(Permanent) as caught:
        Keyring([key("a"), bad])
    assert caught.value.code == "bad_setting"
    assert not bad or bad not in str(caught.value)
