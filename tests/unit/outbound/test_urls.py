"""Which URLs are taken, as far as their text tells."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import Permanent
from libs.outbound.urls import check_url, is_public

GOOD = [
    ("https://example.com", "example.com", 443, "/"),
    ("http://example.com:8080/hook", "example.com", 8080, "/hook"),
    ("https://Example.COM/a%2Fb?x=%20y&z=a+b&&=", "example.com", 443, "/a%2Fb?x=%20y&z=a+b&&="),
    ("https://example.com?token=1", "example.com", 443, "/?token=1"),
    ("https://8.8.8.8/x", "8.8.8.8", 443, "/x"),
    ("https://[2606:4700::1111]:444/x", "2606:4700::1111", 444, "/x"),
    ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/"),
    ("HTTPS://example.com./x//y", "example.com.", 443, "/x//y"),
    ("https://my_host.example/", "my_host.example", 443, "/"),
]

PRIVATE = [
    "http://127.0.0.1/",
    "http://127.9.9.9/",
    "http://10.0.0.1/",
    "http://172.16.3.4/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://100.64.0.1/",
    "http://0.0.0.0/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[ff02::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[::7f00:1]/",
    "http://[fec0::1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://localhost/",
    "http://LOCALHOST:80/",
    "http://localhost./",
    "http://a.localhost/",
    "http://printer.local/",
    "http://metadata.google.internal/",
]

MALFORMED = [
    "",
    "example.com/hook",
    "ftp://example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http://",
    "http:///x",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "http://example.com\\@10.0.0.1/",
    "http://example.com/a b",
    "http://example.com/\r\nX-Evil: 1",
    "http://exämple.com/",
    "http://example.com/#part",
    "http://example.com:0/",
    "http://example.com:99999/",
    "http://example.com:port/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://010.0.0.1/",
    "http://[::1/",
    "http://[fe80::1%25eth0]/",
    "http://-bad-.example/",
    "http://a..b/",
    "https://example.com/" + "x" * 2000,
]


@pytest.mark.parametrize(("url", "host", "port", "target"), GOOD)
def test_good_urls_keep_their_query_byte_for_byte(url: str, host: str, port: int, target: str) -> None:
    checked = check_url(url)
    assert (checked.host, checked.port, checked.target) == (host, port, target)
    assert target == "/" or target not in checked.masked


@pytest.mark.parametrize("url", PRIVATE + MALFORMED)
def test_bad_urls_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Permanent) as caught:
        check_url(url)
    assert caught.value.code == "bad_callback_url"
    assert "secret" not in str(caught.value)
    assert not url or url not in str(caught.value)


@pytest.mark.parametrize("url", PRIVATE)
def test_private_hosts_may_be_allowed(url: str) -> None:
    checked = check_url(url, ["*"])
    assert check_url(url, [checked.host]) == checked
    with pytest.raises(Permanent):
        check_url(url, ["example.com"])


@pytest.mark.parametrize("url", MALFORMED)
def test_nothing_allows_what_can_not_be_read(url: str) -> None:
    with pytest.raises(Permanent):
        check_url(url, ["*"])


@given(st.ip_addresses(v=4))
def test_ipv4_in_ipv6_is_judged_as_ipv4(address: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    assert is_public(mapped) == is_public(address)


@given(st.text(max_size=60))
def test_any_text_is_judged_without_another_error(text: str) -> None:
    for url in (text, f"http://{text}", f"https://example.com/{text}"):
        try:
            checked = check_url(url)
        except Permanent as error:
            assert error.code == "bad_callback_url"
        else:
            assert url.endswith(checked.target) or checked.target.startswith("/?") or checked.target == "/"
