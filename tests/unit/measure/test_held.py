"""Pictures that are held cost nothing and change nothing that is measured."""

from __future__ import annotations

from itertools import repeat

import numpy as np

from libs.measure.watch import Seen, Watch


def watched(pictures: list[np.ndarray], *, same: bool) -> Seen:
    """Each picture held for some frames: as one array, or as a copy for each frame."""
    watch, number = Watch(), 0
    for picture in pictures:
        for again in repeat(picture, 1 + number % 5):
            watch.add(again if same else again.copy(), number / 30)
            number += 1
    return watch.seen()


def test_held_pictures_measure_as_their_copies_do() -> None:
    random = np.random.default_rng(8)
    noise = random.integers(0, 256, (54, 96, 3), np.uint8)
    flashing = [(noise * (number % 2) + 30 * (number % 3)).astype(np.uint8) for number in range(40)]
    drifting = [np.roll(noise, number, 1) for number in range(40)]
    red = [np.stack([noise[..., 0], *2 * [noise[..., 1] // 8]], -1) * np.uint8(number % 2) for number in range(30)]
    held, copied = (watched([*flashing, *drifting, *red], same=same) for same in (True, False))
    assert held.flashes.a_second > 2 and held.red_flashes.a_second > 0
    assert (held.flashes, held.red_flashes, held.changes) == (copied.flashes, copied.red_flashes, copied.changes)
    for series in ("times", "levels", "light"):
        assert np.array_equal(getattr(held, series), getattr(copied, series)), series
    assert held.swings.times == copied.swings.times
