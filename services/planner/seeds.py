"""Random choices that depend on nothing but the job's seed and a name. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


def derived(seed: int, *names: object) -> int:
    """A seed of 32 bits for what the names say: the same in every process and on every machine."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")


def unit(seed: int, *names: object) -> float:
    """0 <= x < 1."""
    return derived(seed, *names) / 2**32


def choice(options: Sequence[T], seed: int, *names: object) -> T:
    """One of the options."""
    return options[derived(seed, *names) % len(options)]
