"""Series in files read as arrays do."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from libs.contracts.errors import Retryable
from services.analyzer.tape import Tape, blocks

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("columns", [0, 1, 7])
def test_a_tape_reads_like_the_array_that_was_written(tmp_path: Path, columns: int) -> None:
    whole = RANDOM.random((1000, columns) if columns else 1000, np.float32)
    tape = Tape(tmp_path, columns)
    for first, last in ((0, 3), (3, 3), (3, 700), (700, 1000)):
        tape.append(whole[first:last])
        for part in (slice(0, 2), slice(2, 900), slice(990, 2000), slice(5, 5), slice(None), slice(1200, 1300)):
            assert np.array_equal(tape[part], whole[:last][part])
            assert tape[part].shape == whole[:last][part].shape
    assert len(tape) == 1000
    assert np.array_equal(np.concatenate(list(blocks(tape, 64))), whole)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.append(RANDOM.random(500_000, np.float32))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, usual[1]))
    try:
        with pytest.raises(Retryable) as caught:
            tape.append(RANDOM.random(500_000, np.float32))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert caught.value.code == "no_space"
