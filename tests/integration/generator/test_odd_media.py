"""Files as servers of all kinds save them, and as nobody should: exact frames, or a fault with a name."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from libs.contracts.errors import BeatloomError, Permanent
from libs.media.encoding import Encoding, Quality
from services.generator.comfyui import conform as conforming
from services.generator.comfyui.conform import ConformOrder, conform, inspect, last_frame
from services.generator.comfyui.pieces import Cutting, Piece
from services.generator.comfyui.strip import strip, strip_jpeg, strip_webp
from tests.integration.generator.test_conform import number_of, picture
from tests.integration.generator.test_strip import SECRET, packets
from tests.unit.generator.scenes import shot

FRAMES = 9
ENCODING = Encoding(128, 72, Fraction(24), Quality("ultrafast", 18))
SIZE = (112, 80)
OPTIONS = {
    "libx264": {"crf": "12"},
    "libvpx-vp9": {"crf": "12", "cpu-used": "8"},
    "libsvtav1": {"crf": "12", "preset": "12"},
}
SEEN = [1, 8, 3, 64, 5, 96, 7, 40, 9]
"""What the frames show, in order."""


def write(path: Path, codec: str, pixels: str, size: tuple[int, int] = SIZE, *, uneven: bool = False) -> Path:
    """A video whose frames show their numbers, by this encoder."""
    container: Any
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = SECRET
        stream = container.add_stream(codec, rate=24, options=OPTIONS.get(codec, {}))
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.metadata["title"] = SECRET
        if uneven:
            stream.codec_context.time_base = Fraction(1, 1000)
        for place, number in enumerate(SEEN):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), "bgr24")
            frame.time_base = Fraction(1, 1000) if uneven else Fraction(1, 24)
            frame.pts = place * 40 + (place % 3) * 15 if uneven else place
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def shown_by(path: Path, out: Path) -> tuple[str, list[int]]:
    """The fault, or what the clip shows that is made of the file."""
    piece = Piece(start=0, frames=FRAMES, keep_from=0)
    cutting = Cutting(fps=Fraction(24), lead=Fraction(0), frames=FRAMES, pieces=(piece,))
    answer = conform(ConformOrder((path,), cutting, shot(frames=FRAMES), ENCODING, out))
    if answer.fault:
        assert not out.exists()
        assert answer.message
        return answer.fault, []
    with av.open(str(out)) as container:
        frames = [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]
    return "", [number_of(frame) for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "size"),
    [
        ("h264.mp4", "libx264", "yuv420p", SIZE),
        ("10-bit.mp4", "libx264", "yuv420p10le", SIZE),
        ("av1.mp4", "libsvtav1", "yuv420p", SIZE),
        ("av1.webm", "libsvtav1", "yuv420p", SIZE),
        ("alpha.webm", "libvpx-vp9", "yuva420p", SIZE),
        ("prores.mov", "prores_ks", "yuva444p10le", SIZE),
        ("odd.mkv", "ffv1", "bgr0", (111, 79)),
        ("gray.mkv", "ffv1", "gray", SIZE),
        ("deep.mkv", "ffv1", "yuv420p16le", SIZE),
        ("portrait.mp4", "libx264", "yuv444p", (80, 112)),
        ("tiny.mkv", "ffv1", "bgr0", (14, 8)),
        ("rgb.mov", "png", "rgba", SIZE),
        ("motion.avi", "mjpeg", "yuvj420p", SIZE),
    ],
)
def test_each_frame_is_the_one_that_was_saved(
    tmp_path: Path, name: str, codec: str, pixels: str, size: tuple[int, int]
) -> None:
    saved = write(tmp_path / name, codec, pixels, size)
    assert SECRET.encode() in saved.read_bytes()
    plain = tmp_path / f"plain-{name}"
    strip(saved, plain)
    assert SECRET.encode() not in plain.read_bytes()
    assert [packet[2] for packet in packets(plain)] == [packet[2] for packet in packets(saved)]
    assert inspect(saved, FRAMES).fault == ""
    assert shown_by(plain, tmp_path / "clip.mp4") == ("", SEEN)


@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv"])
def test_frames_count_and_not_their_times(tmp_path: Path, name: str) -> None:
    saved = write(tmp_path / name, "libx264", "yuv420p", uneven=True)
    strip(saved, tmp_path / f"plain-{name}")
    assert shown_by(tmp_path / f"plain-{name}", tmp_path / "clip.mp4") == ("", SEEN)


def test_a_video_whose_size_changes_has_its_frames(tmp_path: Path) -> None:
    parts = [
        write(tmp_path / f"{number}.ts", "libx264", "yuv420p", size)
        for number, size in enumerate([SIZE, (64, 64), (320, 240)])
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    found = inspect(both, 3 * FRAMES)
    assert (found.fault, found.frames) == ("", 3 * FRAMES)
    assert shown_by(both, tmp_path / "clip.mp4")[0] == ""


def sound(path: Path) -> Path:
    """A file without a picture."""
    container: Any
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        stream.layout = "mono"
        for number in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48000, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def still(kind: str, **options: Any) -> bytes:
    """A picture of noise, with the secret in it."""
    levels = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0110] = SECRET
    out = io.BytesIO()
    Image.fromarray(levels).save(out, kind, exif=exif, **options)
    return out.getvalue()


def animated() -> bytes:
    """A WebP that moves."""
    frames = [Image.fromarray(np.full((48, 64, 3), level, np.uint8)) for level in (10, 90, 200)]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    return out.getvalue()


def vast_png() -> bytes:
    """A few bytes that decode to 30 GB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("sound", None, "no picture"),
        ("empty", b"", "none of the kinds"),
        ("html", b"<!doctype html><title>502</title>", "none of the kinds"),
        ("playlist", b"#EXTM3U\nfile:///etc/passwd\n", "none of the kinds"),
        ("gif", b"GIF89a" + bytes(100), "none of the kinds"),
        ("webp", animated(), "none of the kinds"),
        ("png", still("PNG"), "none of the kinds"),
        ("zeros", bytes(5000), "none of the kinds"),
        ("mp4", b"\0\0\0\x18ftypmp42" + b"\xff" * 5000, ""),
        ("mkv", b"\x1aE\xdf\xa3" + b"\xff" * 5000, ""),
    ],
)
def test_what_is_no_video_has_a_name(tmp_path: Path, name: str, data: bytes | None, word: str) -> None:
    file = tmp_path / f"{name}.mp4"
    file.write_bytes(data) if data is not None else sound(file)
    found = inspect(file, FRAMES)
    assert (found.fault, word in found.message) == ("unreadable", True), found
    assert shown_by(file, tmp_path / "clip.mp4") == ("unreadable", [])
    with pytest.raises(BeatloomError) as caught:
        last_frame(file, 3, tmp_path / "last.png")
    assert caught.value.code == "gpu_bad_output"
    assert not (tmp_path / "last.png").exists()


def test_a_frame_of_quite_another_shape_is_not_made_vast(tmp_path: Path) -> None:
    assert (
        shown_by(write(tmp_path / "narrow.mkv", "ffv1", "bgr0", (8, 4000)), tmp_path / "clip.mp4")[0]
        == "unreadable"
    )


def test_a_frame_that_grows_on_the_way_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conforming, "MOST_PIXELS", 5000)
    found = inspect(write(tmp_path / "a.mp4", "libx264", "yuv420p"), FRAMES)
    assert (found.fault, "too large" in found.message) == ("unreadable", True)


def test_nobody_looks_at_more_than_was_asked_for(tmp_path: Path) -> None:
    assert inspect(write(tmp_path / "a.mp4", "libx264", "yuv420p"), 4).frames == 4


def test_memory_that_is_not_there_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conforming, "MEMORY", 1 << 20)
    assert inspect(write(tmp_path / "a.mkv", "ffv1", "bgr0", (1920, 1080)), FRAMES).fault in (
        "unreadable",
        "too_short",
    )


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (still("PNG"), ""),
        (still("JPEG"), ""),
        (still("WEBP"), ""),
        (animated(), "unreadable"),
        (vast_png(), "unreadable"),
        (still("PNG")[:-40], "unreadable"),
        (still("JPEG")[:-400], "unreadable"),
        (still("WEBP", lossless=True)[:-400], "unreadable"),
        (b"", "unreadable"),
        (b"GIF89a" + bytes(100), "unreadable"),
        (b"II*\0" + bytes(100), "unreadable"),
        (b"RIFF\x0e\0\0\0WEBPVP8X\0\0", "unreadable"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 100, "unreadable"),
    ],
    ids=range(13),
)
def test_a_still_is_one_that_can_be_kept(tmp_path: Path, data: bytes, fault: str) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(data)
    assert inspect(file, 1).fault == fault
    if not fault:
        strip(file, tmp_path / "b.png")
        assert SECRET.encode() not in (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("progressive", [False, True])
def test_what_is_hung_on_behind_a_picture_goes(progressive: bool) -> None:
    data = still("JPEG", progressive=progressive, quality=95)
    comment = b"\xff\xfe" + struct.pack(">H", len(SECRET) + 2) + SECRET.encode()
    dressed = data[:-2] + comment + b"\xff\xd9" + SECRET.encode() * 5
    padded = dressed[:2] + b"\xff" * 3 + dressed[2:]
    for one in (dressed, padded):
        plain = strip_jpeg(one)
        assert SECRET.encode() not in plain
        before, after = (np.asarray(Image.open(io.BytesIO(jpeg))) for jpeg in (data, plain))
        assert np.array_equal(before, after)


@pytest.mark.parametrize("place", range(12, 60))
def test_a_webp_with_a_wrong_length_is_whole_or_refused(place: int) -> None:
    data = bytearray(animated())
    data[place] ^= 0xFF
    try:
        plain: npt.NDArray[np.uint8] | bytes = strip_webp(bytes(data))
    except Permanent as error:
        assert error.code == "bad_image"
    else:
        assert plain[:4] == b"RIFF"
