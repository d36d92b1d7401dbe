"""Long series in files, so that memory doesn't grow with the song."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol

import numpy as np
import numpy.typing as npt

from libs.runtime.disk import full_disk_is_retryable

Array = npt.NDArray[np.float32]
"""One of the series, or some of its rows."""

_ITEM = np.dtype(np.float32).itemsize
_BUFFER = 1 << 18


class Rows(Protocol):
    """A series that is read by slices without a step: an array, or a `Tape`."""

    def __len__(self) -> int:
        """How many rows there are."""
        ...

    def __getitem__(self, part: slice, /) -> Array:
        """Some rows, one after the other."""
        ...


class Tape:
    """Samples, or rows of `columns` each, in a file without a name that is gone with its last reader.

    folder: where the file is; None: where the system keeps such files.
    """

    def __init__(self, folder: Path | None, columns: int = 0) -> None:
        with full_disk_is_retryable(), ExitStack() as stack:
            self._file = stack.enter_context(TemporaryFile(buffering=_BUFFER, dir=folder))
            weakref.finalize(self, stack.pop_all().close)
        self._shape = (-1, columns) if columns else (-1,)
        self._row_bytes = _ITEM * max(columns, 1)
        self._rows = 0

    def append(self, rows: Array) -> None:
        """The next rows. Raises Retryable("no_space")."""
        with full_disk_is_retryable():
            self._file.seek(self._rows * self._row_bytes)
            self._file.write(np.ascontiguousarray(rows, np.float32).data)
        self._rows += len(rows)

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, part: slice, /) -> Array:
        first, last, _ = part.indices(self._rows)
        with full_disk_is_retryable():
            self._file.seek(first * self._row_bytes)
            data = self._file.read(max(last - first, 0) * self._row_bytes)
        return np.frombuffer(data, np.float32).reshape(self._shape)


def blocks(rows: Rows, size: int) -> Iterator[Array]:
    """All rows, at most `size` at once."""
    for first in range(0, len(rows), size):
        yield rows[first : first + size]
