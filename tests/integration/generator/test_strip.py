"""What a server wrote into its files besides the picture is gone, and the picture is what it was."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from libs.contracts.errors import Permanent
from services.generator.comfyui.strip import strip, strip_png

SECRET = "a prompt that nobody else should read"

SOUNDS = [("flac", "flac"), ("mp3", "libmp3lame"), ("ogg", "libopus")]
CLIPS = [("mp4", "libx264", "aac"), ("webm", "libvpx-vp9", "libopus"), ("matroska", "libx264", "aac")]


def picture(kind: str) -> bytes:
    """A picture with the secret in every place that its kind has."""
    levels = np.arange(64 * 48 * 3, dtype=np.uint32).reshape(48, 64, 3) % 251
    image = Image.fromarray(levels.astype(np.uint8))
    exif = Image.Exif()
    exif[0x0110] = SECRET
    out = io.BytesIO()
    if kind == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("prompt", SECRET)
        texts.add_itxt("workflow", SECRET)
        image.save(out, kind, pnginfo=texts, exif=exif)
    elif kind == "JPEG":
        image.save(out, kind, exif=exif, comment=SECRET.encode())
    else:
        image.save(out, kind, exif=exif, xmp=SECRET.encode(), lossless=True)
    return out.getvalue()


def media(path: Path, muxer: str, video: str | None, audio: str) -> None:
    """A second of sound, with a picture if wanted, and the secret as tags."""
    container: Any
    with av.open(str(path), "w", format=muxer) as container:
        container.metadata.update({"prompt": SECRET, "comment": SECRET, "title": SECRET})
        picture = container.add_stream(video, rate=24) if video else None
        sound = container.add_stream(audio, rate=48000)
        sound.layout = "stereo"
        if picture is not None:
            picture.width = picture.height = 64
            picture.pix_fmt = "yuv420p"
            for number in range(24):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number * 10, np.uint8), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 24)
                container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
        size = sound.codec_context.frame_size or 960
        for number in range(48000 // size):
            samples = np.full((1, 2 * size), number, np.int16)
            heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            heard.sample_rate, heard.pts = 48000, number * size
            container.mux(sound.encode(heard))
        container.mux(sound.encode(None))


def packets(path: Path) -> list[tuple[int, float, bytes]]:
    """Of every packet: its stream, its time in seconds, its bytes."""
    with av.open(str(path)) as container:
        return [
            (packet.stream_index, float((packet.pts or 0) * packet.time_base), bytes(packet))
            for packet in container.demux()
            if packet.size
        ]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_a_picture_keeps_its_pixels_alone(tmp_path: Path, kind: str) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(picture(kind))
    assert SECRET.encode() in old.read_bytes()
    strip(old, new)
    assert SECRET.encode() not in new.read_bytes()
    with Image.open(old) as before, Image.open(new) as after:
        assert after.format == kind
        assert not after.getexif()
        assert not set(after.info) & {"prompt", "workflow", "xmp", "comment"}
        assert np.array_equal(np.asarray(before), np.asarray(after))


@pytest.mark.parametrize(("muxer", "video", "audio"), [*CLIPS, *((muxer, None, audio) for muxer, audio in SOUNDS)])
def test_clips_and_sounds_keep_their_packets_and_times(
    tmp_path: Path, muxer: str, video: str | None, audio: str
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    media(old, muxer, video, audio)
    assert SECRET.encode() in old.read_bytes()
    strip(old, new)
    assert SECRET.encode() not in new.read_bytes()
    before, after = packets(old), packets(new)
    assert [packet[2] for packet in before] == [packet[2] for packet in after]
    assert max(abs(was[1] - now[1]) for was, now in zip(before, after, strict=True)) < 1e-6


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    media(tmp_path / "old", "mp4", "libx264", "aac")
    for name in ("one", "two"):
        strip(tmp_path / "old", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_picture_that_breaks_off_is_none() -> None:
    data = picture("PNG")
    for end in (20, len(data) // 2, len(data) - 1):
        with pytest.raises(Permanent, match="bad_image"):
            strip_png(data[:end])
    damaged = data[:60] + b"?" + data[61:]
    with pytest.raises(Permanent, match="bad_image"):
        strip_png(damaged)


def test_a_clip_without_its_index_is_none(tmp_path: Path) -> None:
    media(tmp_path / "old", "mp4", "libx264", "aac")
    cut = tmp_path / "cut"
    cut.write_bytes((tmp_path / "old").read_bytes()[:1500])
    with pytest.raises(Permanent, match="not_media"):
        strip(cut, tmp_path / "new")


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    media(tmp_path / "old", "mp4", "libx264", "aac")
    with pytest.raises(OSError, match="No space"):
        strip(tmp_path / "old", Path("/dev/full"))
