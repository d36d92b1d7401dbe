"""What a video and its preview are encoded with."""

from __future__ import annotations

from fractions import Fraction

import pytest

from libs.media.encoding import INTERIM, PREVIEW, USUAL, Encoding, encoder_options, output_options, preview_of

FPS = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("whole", "small"),
    [
        ((1920, 1080), (426, 240)),
        ((1080, 1920), (240, 426)),
        ((720, 720), (240, 240)),
        ((1080, 1350), (240, 300)),
        ((160, 90), (160, 90)),
    ],
)
def test_a_preview_has_the_shape_of_the_whole(whole: tuple[int, int], small: tuple[int, int]) -> None:
    assert preview_of(*whole, FPS) == Encoding(*small, FPS, PREVIEW)


def test_the_bit_rate_is_capped_by_the_pixels() -> None:
    caps = {
        size: int(encoder_options(Encoding(*size, Fraction(30), USUAL))["maxrate"])
        for size in ((64, 48), (1280, 720))
    }
    assert caps[64, 48] == 2_000_000
    assert 6_000_000 < caps[1280, 720] < 7_500_000
    interim = encoder_options(Encoding(1280, 720, Fraction(30), INTERIM))
    assert int(interim["maxrate"]) == 3 * caps[1280, 720]


def test_ffmpeg_is_told_the_same_and_the_clock() -> None:
    encoding = Encoding(64, 48, FPS, USUAL)
    options = output_options(encoding)
    assert encoder_options(encoding).items() <= options.items()
    assert (options["enc_time_base"], options["video_track_timescale"]) == ("1001/30000", 30000)
