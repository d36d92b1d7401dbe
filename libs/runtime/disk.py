"""A full disk, told apart from other trouble by the number of the error."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from libs.contracts.errors import Retryable

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No space, over quota, or over the process's limit on the size of a file."""


def is_full(error: BaseException) -> bool:
    """True when an error says that nothing more can be written."""
    return isinstance(error, OSError) and error.errno in FULL


@contextmanager
def full_disk_is_retryable() -> Iterator[None]:
    """Within the block, an OSError that means a full disk becomes `Retryable("no_space")`."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise Retryable("no_space") from error
        raise
