"""What may come in, and what is refused, with the real decoder in a real child."""

from __future__ import annotations

import math
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from libs.contracts.errors import Permanent
from libs.media.probe import probe_clip, probe_image, probe_lyrics, probe_song
from libs.media.sound import mono_chunks
from libs.runtime.workers import WorkerPool
from tests.integration.media.conftest import Make, sine

PICTURE = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=6")


@pytest.mark.parametrize(
    ("name", "args", "codec", "channels", "rate"),
    [
        ("a.mp3", (*sine(6), "-b:a", "64k"), "mp3float", 1, 44100),
        ("a.m4a", (*sine(6), "-ac", "2"), "aac", 2, 44100),
        ("a.aac", sine(6), "aac", 1, 44100),
        ("a.wav", (*sine(6, 8000), "-c:a", "pcm_mulaw"), "pcm_mulaw", 1, 8000),
        ("a8.wav", (*sine(6, 8000), "-c:a", "pcm_u8"), "pcm_u8", 1, 8000),
        ("71.flac", (*sine(6, 48000), "-af", "aformat=channel_layouts=7.1"), "flac", 8, 48000),
        ("71.opus", (*sine(6, 48000), "-af", "aformat=channel_layouts=7.1", "-c:a", "libopus"), "opus", 8, 48000),
        ("a.ogg", (*sine(6), "-c:a", "libvorbis"), "vorbis", 1, 44100),
        ("a.opus", (*sine(6), "-c:a", "libopus"), "opus", 1, 48000),
        ("a.aiff", sine(6), "pcm_s16be", 1, 44100),
        ("alac.m4a", (*sine(6), "-c:a", "alac"), "alac", 1, 44100),
        ("video.mp4", (*PICTURE, *sine(6)), "aac", 1, 44100),
        ("video.mkv", (*PICTURE, *sine(6), "-c:a", "libvorbis"), "vorbis", 1, 44100),
        ("video.webm", (*PICTURE, *sine(6), "-c:v", "libvpx", "-c:a", "libopus"), "opus", 1, 48000),
        ("video.avi", (*PICTURE, *sine(6), "-c:a", "mp2"), "mp2", 1, 44100),
        ("video.ts", (*PICTURE, *sine(6), "-c:a", "aac"), "aac", 1, 44100),
        ("$(touch gone) `id` 'q' \"\n.mp3", sine(6), "mp3float", 1, 44100),
    ],
)
async def test_taken(
    make: Make, pool: WorkerPool, name: str, args: tuple[str, ...], codec: str, channels: int, rate: int
) -> None:
    path = make(name, *args)
    if len(name) > 12:
        path = path.rename(path.with_suffix(""))
    found = await probe_song(path, pool)
    assert (found.codec, found.channels, found.sample_rate) == (codec, channels, rate)
    assert found.duration == pytest.approx(6, abs=0.15)
    assert found.notices == () and not found.silent


async def test_cover_art_is_no_matter(make: Make, pool: WorkerPool, tmp_path: Path) -> None:
    cover = make("cover.png", "-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "1")
    for name, codec in (("a.mp3", "libmp3lame"), ("a.m4a", "aac")):
        inputs = (*sine(6), "-i", str(cover), "-map", "0:a", "-map", "1:v", "-c:v", "copy")
        path = make(name, *inputs, "-c:a", codec, "-disposition:v:0", "attached_pic")
        assert (await probe_song(path, pool)).duration == pytest.approx(6, abs=0.1)


async def test_silence_is_taken_and_named(make: Make, pool: WorkerPool) -> None:
    path = make("a.mp3", "-f", "lavfi", "-i", "anullsrc=d=6")
    assert (await probe_song(path, pool)).silent


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.flac", "fast.m4a"])
async def test_a_truncated_song_gives_what_decodes(make: Make, pool: WorkerPool, name: str) -> None:
    whole = make(name, *sine(12), "-movflags", "+faststart" if name == "fast.m4a" else "+bitexact")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    found = await probe_song(whole, pool)
    assert 6 < found.duration < 8.5
    assert [notice.code for notice in found.notices] == ["truncated_song"]


async def test_an_ogg_that_breaks_off_is_told(make: Make, pool: WorkerPool) -> None:
    whole = make("a.ogg", *sine(12), "-c:a", "libvorbis")
    assert (await probe_song(whole, pool)).notices == ()
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    assert [notice.code for notice in (await probe_song(whole, pool)).notices] == ["truncated_song"]


@pytest.mark.parametrize(("name", "codec"), [("a.flac", "flac"), ("a.aac", "aac"), ("a.mp3", "mp3float")])
async def test_a_tag_in_front_hides_no_song(make: Make, pool: WorkerPool, name: str, codec: str) -> None:
    path = make(name, *sine(6), "-id3v2_version", "0") if name == "a.mp3" else make(name, *sine(6))
    picture = bytes(9000)
    size = bytes(len(picture) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x04\x00\x00" + size + picture + path.read_bytes())
    assert (await probe_song(path, pool)).codec == codec
    assert sum(chunk.size for chunk in mono_chunks(path, 8000)) == pytest.approx(6 * 8000, abs=1200)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 96000, 2_000_000])
async def test_five_seconds_to_the_sample_are_enough(pool: WorkerPool, tmp_path: Path, rate: int) -> None:
    count = 5 * rate
    path = tmp_path / "five.wav"
    path.write_bytes(_wav(bytes(count), channels=1, rate=rate, bits=8, tag=1))
    assert (await probe_song(path, pool)).duration == 5.0


async def test_without_a_pool_a_child_is_made_for_it(make: Make) -> None:
    assert (await probe_song(make("a.mp3", *sine(6)))).duration > 5


def playlist(text: str) -> Callable[[Make, Path], Path]:
    """A file of this text, where SECRET stands for the path of a file that must not be opened."""

    def write(_: Make, folder: Path) -> Path:
        path = folder / "song.mp3"
        path.write_text(text.replace("SECRET", str(folder / "secret.wav")))
        return path

    return write


def reference_movie(make: Make, folder: Path) -> Path:
    """A movie whose sound lies in another file: the flag in its data reference is cleared, and a name put there."""
    path = make("song.mov", *sine(6), "-c:a", "pcm_s16le")
    data = path.read_bytes()
    at = data.find(b"dref") + 12
    assert data[at + 4 : at + 8] in (b"url ", b"alis") and data[at + 11] == 1
    path.write_bytes(data[: at + 11] + b"\0" + data[at + 12 :])
    return path


REFUSED: dict[str, tuple[Callable[[Make, Path], Path], str]] = {
    "m3u8": (playlist("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nSECRET\n#EXT-X-ENDLIST\n"), "unsafe_media"),
    "m3u8 after a mark": (playlist("\ufeff#EXTM3U\n#EXTINF:9,\nSECRET\n"), "unsafe_media"),
    "concat": (playlist("ffconcat version 1.0\nfile 'SECRET'\n"), "unsafe_media"),
    "concat, bare": (playlist("file 'SECRET'\n"), "unsafe_media"),
    "dash": (playlist('<?xml version="1.0"?>\n<MPD><BaseURL>SECRET</BaseURL></MPD>'), "unsafe_media"),
    "sdp": (playlist("v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n"), "unsafe_media"),
    "pls": (playlist("[playlist]\nFile1=SECRET\n"), "unsafe_media"),
    "asx": (playlist('<asx version="3"><entry><ref href="SECRET"/></entry></asx>'), "unsafe_media"),
    "avisynth": (playlist('#!AVS\nWavSource("SECRET")'), "unsafe_media"),
    "an address": (playlist("http://127.0.0.1:1/song.mp3"), "unsafe_media"),
    "svg": (playlist('<svg xmlns="x"><image href="SECRET"/></svg>'), "unsafe_media"),
    "image pattern": (playlist("frame%03d.png"), "not_media"),
    "text": (playlist("La la la, this is no sound. " * 50), "not_media"),
    "reference movie": (reference_movie, "unsafe_media"),
    "empty": (lambda _, folder: _write(folder, b""), "empty_file"),
    "noise": (lambda _, folder: _write(folder, bytes(range(1, 256)) * 400), "not_media"),
    "noise behind a sync word": (lambda _, folder: _write(folder, b"\xff\xfb" + os.urandom(9000)), "not_media"),
    "a picture": (lambda make, _: make("a.png", *PICTURE, "-frames:v", "1"), "not_media"),
    "a folder": (lambda _, folder: folder, "not_media"),
    "no sound": (lambda make, _: make("a.mp4", *PICTURE), "no_audio_stream"),
    "too short": (lambda make, _: make("a.wav", *sine(4.9)), "song_too_short"),
    "too long": (
        lambda make, _: make("a.ogg", *sine(905, 8000), "-c:a", "libvorbis", "-q:a", "0"),
        "song_too_long",
    ),
    "samples that are no numbers": (
        lambda _, folder: _write(
            folder, _wav(struct.pack("<f", math.nan) * 48000, channels=1, rate=8000, bits=32, tag=3)
        ),
        "not_media",
    ),
    "channels in no known order": (
        lambda _, folder: _write(folder, _wav(bytes(9 * 48000), channels=9, rate=8000, bits=8, tag=1)),
        "not_media",
    ),
    "cut before its index": (lambda make, _: _cut(make("a.m4a", *sine(12))), "not_media"),
}


def _write(folder: Path, data: bytes) -> Path:
    path = folder / "song.mp3"
    path.write_bytes(data)
    return path


def _wav(data: bytes, *, channels: int, rate: int, bits: int, tag: int) -> bytes:
    """A WAV file around these samples. tag: 1 integers, 3 floats."""
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def _cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.mark.parametrize("kind", REFUSED)
async def test_refused(make: Make, pool: WorkerPool, tmp_path: Path, kind: str) -> None:
    build, code = REFUSED[kind]
    make("secret.wav", *sine(8, 8000))
    path = build(make, tmp_path)
    before = sorted(tmp_path.iterdir())
    began = time.monotonic()
    with pytest.raises(Permanent) as refused:
        await probe_song(path, pool)
    assert refused.value.code == code
    assert time.monotonic() - began < 15
    assert sorted(tmp_path.iterdir()) == before


async def test_a_file_of_201_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    with path.open("wb") as file:
        file.truncate(201_000_000)
    with pytest.raises(Permanent) as refused:
        await probe_song(path)
    assert refused.value.code == "file_too_large"


def png(width: int, height: int, rows: int) -> bytes:
    """A PNG that says it is so large and holds `rows` empty rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + chunk(b"IDAT", zlib.compress(bytes((width * 3 + 1) * rows)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("name", "format_"), [("a.png", "png"), ("a.jpg", "jpeg"), ("a.webp", "webp")])
async def test_pictures_that_are_taken(make: Make, pool: WorkerPool, name: str, format_: str) -> None:
    path = make(name, "-f", "lavfi", "-i", "testsrc=s=64x48", "-frames:v", "1")
    found = await probe_image(path, pool)
    assert (found.width, found.height, found.format) == (64, 48, format_)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"GIF89a" + bytes(100), "bad_image"),
        (b"<svg xmlns='x'/>", "bad_image"),
        (png(30_000, 30_000, 1), "image_too_large"),
        (png(17_000, 10, 10), "image_too_large"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "bad_image"),
        (png(64, 64, 64)[:60], "bad_image"),
    ],
)
async def test_pictures_that_are_refused(pool: WorkerPool, tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(Permanent) as refused:
        await probe_image(path, pool)
    assert refused.value.code == code


async def test_a_picture_that_breaks_off_is_refused(make: Make, pool: WorkerPool) -> None:
    path = make("a.jpg", "-f", "lavfi", "-i", "testsrc2=s=640x480", "-frames:v", "1")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Permanent) as refused:
        await probe_image(path, pool)
    assert refused.value.code == "bad_image"


async def test_lyrics(tmp_path: Path) -> None:
    path = tmp_path / "words"
    for text, format_ in (
        ("[00:12.00]Hello\n[00:14.50]again\n", "lrc"),
        ("1\r\n00:00:01,000 --> 00:00:02,000\r\nHello\r\n", "srt"),
        ("\ufeffHello\nagain [at] 10:30\n", "txt"),
    ):
        path.write_text(text, encoding="utf-8")
        assert await probe_lyrics(path) == format_
    for data, code in (
        (b"", "empty_file"),
        (b"  \n", "bad_lyrics"),
        (b"\xff\xfe\x00h", "bad_lyrics"),
        (b"a\0b", "bad_lyrics"),
        (b"x" * 200_001, "file_too_large"),
    ):
        path.write_bytes(data)
        with pytest.raises(Permanent) as refused:
            await probe_lyrics(path)
        assert refused.value.code == code


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.webm", "turned.mp4"])
async def test_clips_are_watched_to_their_end(make: Make, pool: WorkerPool, name: str) -> None:
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=2")
    codec = ("-c:v", "libvpx") if name.endswith("webm") else ("-c:v", "mpeg4")
    path = make(name, *source, *codec)
    size = (64, 48)
    if name == "turned.mp4":
        path, size = make("again.mp4", "-display_rotation", "90", "-i", str(path), "-c", "copy"), (48, 64)
    found = await probe_clip(path, pool)
    assert (found.width, found.height, found.frames) == (*size, 20)
    assert found.duration == pytest.approx(2.0, abs=0.05)


async def test_clips_that_are_none(make: Make, pool: WorkerPool, tmp_path: Path) -> None:
    cover = make("cover.png", "-f", "lavfi", "-i", "testsrc=s=64x64", "-frames:v", "1")
    covered = make("covered.mp3", *sine(6), "-i", str(cover), "-map", "0", "-map", "1", "-c:v", "copy")
    text = tmp_path / "list.mp4"
    text.write_text("#EXTM3U\nhttp://localhost/x.ts\n")
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    for path, code in (
        (make("sound.m4a", *sine(6)), "no_video_stream"),
        (covered, "no_video_stream"),
        (cover, "no_video_stream"),
        (text, "unsafe_media"),
        (empty, "empty_file"),
        (make("large.mkv", "-f", "lavfi", "-i", "testsrc=s=4098x16:r=1:d=1", "-c:v", "mpeg4"), "image_too_large"),
        (make("long.mp4", "-f", "lavfi", "-i", "color=s=16x16:r=1:d=122", "-c:v", "mpeg4"), "video_too_long"),
    ):
        with pytest.raises(Permanent) as caught:
            await probe_clip(path, pool)
        assert caught.value.code == code, path.name
