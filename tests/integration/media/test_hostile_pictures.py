"""Pictures hostile to a renderer: each is taken and shown right, or refused by a clear code before any work.

The same file goes through the probe, which ingest trusts, and the loader, which planner and generator use: what the
probe takes, the loader has to show.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from cv2.typing import MatLike
from PIL import Image as Pillow

from libs.contracts.errors import Permanent
from libs.media.probe import probe_image, probe_image_here
from libs.picture.load import LONGEST, Image, load_picture
from libs.picture.oklab import oklab_of
from libs.runtime.workers import WorkerPool

GROUND = oklab_of("#204060")
MOST_MEMORY = 400 << 20
"""Of 600 MB that a worker may have: it has other work and its imports too."""
WIDE, HIGH = 96, 64


def scene() -> Image:
    """A picture whose corners differ: red, green, blue and white, on grey."""
    pixels = np.full((HIGH, WIDE, 3), 110, np.uint8)
    pixels[:32, :48], pixels[:32, 48:] = (30, 20, 210), (40, 190, 30)
    pixels[32:, :48], pixels[32:, 48:] = (200, 60, 20), (245, 245, 245)
    return pixels


def coded(pixels: MatLike, suffix: str = ".png") -> bytes:
    done, data = cv2.imencode(suffix, pixels, [cv2.IMWRITE_JPEG_QUALITY, 95] if suffix == ".jpg" else [])
    assert done
    return data.tobytes()


def saved(mode: str, format_: str, **options: object) -> bytes:
    """The scene in a colour mode of Pillow's."""
    out = io.BytesIO()
    picture = Pillow.fromarray(np.ascontiguousarray(scene()[..., ::-1])).convert(mode)
    picture.save(out, format_, **options)
    return out.getvalue()


def animated(format_: str) -> bytes:
    first = Pillow.fromarray(np.ascontiguousarray(scene()[..., ::-1]))
    out = io.BytesIO()
    first.save(out, format_, save_all=True, append_images=[first.rotate(180), first.rotate(90)], duration=80)
    return out.getvalue()


def oriented(orientation: int) -> bytes:
    """A JPEG whose EXIF says how to turn it."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 0)
    payload = b"Exif\0\0" + tiff
    plain = coded(scene(), ".jpg")
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + plain[2:]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, depth: int, pixels: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def claiming(width: int, height: int) -> bytes:
    """A small JPEG that says it is larger."""
    data = bytearray(coded(scene(), ".jpg"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def with_bomb_of_text() -> bytes:
    """A PNG with a comment of 500 MB, packed to two."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(500)) + packer.flush()
    plain = coded(scene())
    return plain[:33] + chunk(b"zTXt", b"Comment\0\0" + packed) + plain[33:]


def deep(channels: int) -> bytes:
    pixels = scene().astype(np.uint16) * 257
    if channels == 4:
        pixels = np.dstack([pixels, np.full((HIGH, WIDE), 65535, np.uint16)])
    return coded(pixels if channels > 1 else pixels[..., 1])


class Taken(NamedTuple):
    """What has to come out: width and height, and the colour (BGR) at the top left, if it is that of the scene."""

    size: tuple[int, int] = (WIDE, HIGH)
    corner: tuple[int, int, int] | None = (30, 20, 210)


RED, GREEN, BLUE, WHITE = (30, 20, 210), (40, 190, 30), (200, 60, 20), (245, 245, 245)

TAKEN: dict[str, tuple[Callable[[], bytes], Taken]] = {
    "1 x 1 png": (lambda: coded(scene()[:1, :1]), Taken((1, 1))),
    "1 x 1 jpeg": (lambda: coded(scene()[:1, :1], ".jpg"), Taken((1, 1))),
    "1 x 4000": (lambda: coded(np.repeat(scene()[:1, :1], 4000, axis=0)), Taken((1, LONGEST))),
    "4000 x 1": (lambda: coded(np.repeat(scene()[:1, :1], 4000, axis=1), ".jpg"), Taken((LONGEST, 1))),
    "49 megapixels": (
        lambda: coded(np.asarray(cv2.resize(scene(), (8600, 5700), interpolation=cv2.INTER_NEAREST)), ".jpg"),
        Taken((LONGEST, 1697)),
    ),
    "CMYK": (lambda: saved("CMYK", "JPEG", quality=95), Taken()),
    "16 bits": (lambda: deep(3), Taken()),
    "16 bits, opaque alpha": (lambda: deep(4), Taken()),
    "16 bits, grey": (lambda: deep(1), Taken(corner=(20, 20, 20))),
    "grey jpeg": (lambda: saved("L", "JPEG"), Taken(corner=(78, 78, 78))),
    "grey and alpha": (lambda: saved("LA", "PNG"), Taken(corner=(78, 78, 78))),
    "palette": (lambda: saved("P", "PNG"), Taken(corner=None)),
    "one bit": (lambda: saved("1", "PNG"), Taken(corner=None)),
    "progressive": (lambda: saved("RGB", "JPEG", progressive=True, quality=95), Taken()),
    "lossless webp": (lambda: saved("RGB", "WEBP", lossless=True), Taken()),
    "animated png": (lambda: animated("PNG"), Taken()),
    "all one colour": (lambda: coded(np.full((300, 400, 3), 77, np.uint8)), Taken((400, 300), (77, 77, 77))),
    "junk behind": (lambda: coded(scene(), ".jpg") + bytes(5000), Taken()),
    "jpeg without end mark": (lambda: coded(scene(), ".jpg")[:-2], Taken()),
    "png without end chunk": (lambda: coded(scene())[:-12], Taken()),
    "exif 1": (lambda: oriented(1), Taken()),
    "exif 2": (lambda: oriented(2), Taken(corner=GREEN)),
    "exif 3": (lambda: oriented(3), Taken(corner=WHITE)),
    "exif 4": (lambda: oriented(4), Taken(corner=BLUE)),
    "exif 5": (lambda: oriented(5), Taken((HIGH, WIDE), RED)),
    "exif 6": (lambda: oriented(6), Taken((HIGH, WIDE), BLUE)),
    "exif 7": (lambda: oriented(7), Taken((HIGH, WIDE), WHITE)),
    "exif 8": (lambda: oriented(8), Taken((HIGH, WIDE), GREEN)),
    "exif nonsense": (lambda: oriented(99), Taken()),
}

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "zero bytes": (lambda: b"", "empty_file"),
    "a web page": (lambda: b"<!doctype html><title>Not found</title>" * 20, "bad_image"),
    "a gif": (lambda: animated("GIF"), "bad_image"),
    "animated webp": (lambda: animated("WEBP"), "bad_image"),
    "half a jpeg": (lambda: coded(scene(), ".jpg")[:-700], "bad_image"),
    "half a png": (
        lambda: coded(np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8))[:6000],
        "bad_image",
    ),
    "half a webp": (lambda: coded(scene(), ".webp")[:-60], "bad_image"),
    "a head alone": (lambda: coded(scene())[:40], "bad_image"),
    "12,000 x 12,000 jpeg": (lambda: claiming(12_000, 12_000), "image_too_large"),
    "12,000 x 12,000 png": (lambda: png_of(12_000, 12_000, 8, bytes(100)), "image_too_large"),
    "36 megapixels of 16 bits": (lambda: png_of(6000, 6000, 16, bytes(100)), "image_too_large"),
    "a bomb": (lambda: png_of(60_000, 60_000, 8, bytes(1 << 20)), "image_too_large"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_is_shown_right(tmp_path: Path, name: str) -> None:
    make, wanted = TAKEN[name]
    path = tmp_path / "picture"
    path.write_bytes(make())
    probe_image_here(str(path))
    picture = load_picture(path, GROUND)
    assert picture.pixels.shape == (*wanted.size[::-1], 3)
    assert picture.alpha is None
    if wanted.corner is not None:
        spot = picture.pixels[wanted.size[1] // 8, wanted.size[0] // 8]
        assert spot.tolist() == pytest.approx(wanted.corner, abs=12)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_clearly(tmp_path: Path, name: str) -> None:
    make, code = REFUSED[name]
    path = tmp_path / "picture"
    path.write_bytes(make())
    with pytest.raises(Permanent) as refused:
        probe_image_here(str(path))
    assert refused.value.code == code
    assert refused.value.hint


async def test_no_picture_takes_a_process_over_its_memory(tmp_path: Path) -> None:
    """The heaviest ones that are taken, probed and loaded in a child; its peak is its own."""
    pixels = np.zeros((7000, 7000, 4), np.uint8)
    pixels[1000:6000, 1000:6000] = 200
    for name, data in (("alpha", coded(pixels)), ("bomb", with_bomb_of_text())):
        path = tmp_path / name
        path.write_bytes(data)
        async with WorkerPool(1) as pool:
            await probe_image(path, pool)
            assert (await pool.run(peak_of_loading, str(path), timeout_s=120.0)).value < MOST_MEMORY, name


def peak_of_loading(path: str) -> int:
    """Bytes of memory that this process has used at most, once it has loaded the picture."""
    load_picture(Path(path), GROUND)
    (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak) * 1024
