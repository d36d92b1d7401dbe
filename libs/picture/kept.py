"""What was made from a picture, kept in the process: the shots of a song share one picture."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")

KEPT = 2
"""Pictures whose results are kept; a large one and its mask take 26 MB."""


class Kept(Generic[T]):
    """The last KEPT results by key. Threads share it; one that is asked for twice at once may be made twice."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, T] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str, make: Callable[[], T]) -> T:
        """The result for the key, made when it isn't kept."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        made = make()
        with self._lock:
            self._found[key] = made
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
        return made
