"""How errors cross between a pool and its child."""

from __future__ import annotations

import errno
import inspect

import pytest

from libs.contracts import errors
from libs.contracts.errors import (
    BeatloomError,
    BudgetExceeded,
    InputMissing,
    JobCancelled,
    Malformed,
    NotTaken,
    Permanent,
    Refused,
    Retryable,
)
from libs.runtime.channel import CallFailed, pack, unpack
from libs.runtime.disk import full_disk_is_retryable

OURS = [
    Retryable("store_unavailable", "It is away.", hint="Wait.", after=2.5),
    InputMissing("cd" * 32),
    Permanent("not_media"),
    BudgetExceeded("Too dear."),
    JobCancelled("Enough."),
    Malformed("What?"),
    NotTaken("Later.", status=503, answer="later", after=7.0),
    Refused("No.", status=410, answer="gone"),
]


@pytest.mark.parametrize("error", OURS, ids=lambda error: type(error).__name__)
def test_errors_of_ours_cross_whole(error: BeatloomError) -> None:
    got = unpack(pack(error))
    assert type(got) is type(error)
    assert str(got) == str(error)
    notes = got.__dict__.pop("__notes__")
    assert got.__dict__ == error.__dict__
    assert str(error) in notes[0]


def test_none_of_ours_is_forgotten() -> None:
    classes = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BeatloomError)}
    assert classes - {BeatloomError} == {type(error) for error in OURS}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_one_of_ours(number: int) -> None:
    got = unpack(pack(OSError(number, "full")))
    assert isinstance(got, Retryable)
    assert got.code == "no_space"
    with pytest.raises(Retryable, match="no_space"), full_disk_is_retryable():
        raise OSError(number, "full")


def test_other_errors_of_the_system_are_not() -> None:
    assert isinstance(unpack(pack(PermissionError(errno.EACCES, "no"))), CallFailed)
    with pytest.raises(PermissionError), full_disk_is_retryable():
        raise PermissionError(errno.EACCES, "no")


class Stubborn(Exception):
    def __init__(self, left: int, right: int) -> None:
        super().__init__(f"{left} and {right}\udcff")


def test_any_other_error_crosses_as_text() -> None:
    got = unpack(pack(Stubborn(1, 2)))
    assert isinstance(got, CallFailed)
    assert str(got).startswith("Stubborn: 1 and 2")


def test_one_of_ours_with_something_that_cannot_cross_still_tells_what_it_was() -> None:
    error = Permanent("not_media", "A poem.")
    error.__dict__["culprit"] = lambda: None
    got = unpack(pack(error))
    assert isinstance(got, CallFailed)
    assert "not_media: A poem." in str(got)
