"""Which store an address means, and that a wrong one is told without its secret."""

from __future__ import annotations

import pytest

from libs.artifacts import open_store
from libs.artifacts.s3 import S3Store
from libs.artifacts.store import checked_key, checked_prefix
from libs.contracts.errors import Permanent


@pytest.mark.parametrize(
    "url",
    ["s3://key:secret@host:9000/bucket?secure=0", "s3://k%2Fey:s%40cret@host/bucket?region=eu-1", "s3://k:s@h/b/"],
)
def test_s3(url: str) -> None:
    assert isinstance(open_store(url), S3Store)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "folder",
        "/folder",
        "file:",
        "file://host/folder",
        "http://key:hush@host/bucket",
        "s3://key:hush@host",
        "s3://key:hush@host/bucket/deeper",
        "s3:///bucket",
        "s3://host/bucket",
        "s3://key:hush@host:port/bucket",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(Permanent) as refused:
        open_store(url)
    assert refused.value.code == "bad_setting"
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("prefix", ["", "blob", "blob/", "blob/ab"])
def test_prefixes(prefix: str) -> None:
    assert checked_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["/", "../", "blob/..", ".partial", "blob//"])
def test_prefixes_that_could_mean_another_place(prefix: str) -> None:
    with pytest.raises(ValueError, match="not a prefix"):
        checked_prefix(prefix)


def test_keys() -> None:
    assert checked_key("result/0a1b") == "result/0a1b"
