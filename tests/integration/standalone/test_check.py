"""`beatloom check`: videos of known truth, of any kind, are measured; what is no video is refused."""

from __future__ import annotations

from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from PIL import Image

from libs.contracts.check import Check
from services.standalone.check_table import show_check
from services.standalone.cli import main
from tests.integration.standalone.films import HEIGHT, WIDTH, even, shots, write_clicks, write_film

SECONDS = 12.0
Capture = pytest.CaptureFixture[str]


BEATS = np.arange(0.1, SECONDS - 0.1, 0.5).tolist()


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clicks(tmp_path_factory.mktemp("song") / "song.wav", SECONDS, BEATS)


def cuts(late: float = 0.0) -> list[float]:
    """Frames nearest to every third beat, or beside it."""
    return [round((beat + late) * 30) / 30 for beat in BEATS[2::3]]


def checked(capsys: Capture, video: Path, song: Path, *more: str) -> Check:
    assert main(["check", str(video), "--song", str(song), "--json", *more]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return msgspec.json.decode(out, type=Check)


def told(found: Check, code: str) -> bool | None:
    return next(one.good for one in found.verdicts if one.code == code)


def test_a_video_cut_on_the_beat(song: Path, tmp_path: Path, capsys: Capture) -> None:
    video = write_film(tmp_path / "on.mp4", shots(cuts()), even(SECONDS), song=song)
    sheet = tmp_path / "on.jpg"
    found = checked(capsys, video, song, "--sheet", str(sheet))
    assert [cut.time for cut in found.cuts] == pytest.approx(cuts(), abs=0.002)
    assert found.on_beat is not None
    assert found.on_beat.median_ms < 25 and found.on_beat.within_40_ms == 1
    assert found.on_beat.chance_within_40_ms == pytest.approx(0.16, abs=0.03)
    assert found.on_beat.likely_chance < 1e-4
    assert found.sound is not None and found.sound.starts_at == pytest.approx(0, abs=0.005)
    assert found.sound.loudness is not None and -40 < found.sound.loudness.integrated_lufs < -5
    assert (found.picture.width, found.picture.height, found.picture.frames) == (WIDTH, HEIGHT, 360)
    assert found.picture.even and found.picture.fps == pytest.approx(30)
    assert found.picture.rate is not None and found.picture.rate.mean_mbps > 0.01
    assert found.motion.still == () and found.black == () and found.frozen == ()
    assert (told(found, "cuts"), told(found, "sound"), told(found, "flashes")) == (True, True, True)
    with Image.open(sheet) as drawn:
        assert drawn.width == 2400
    show_check(found, "it's [red]x[bold]\x1b.mp4")
    out = capsys.readouterr().out
    assert "it's [red]x[bold]\ufffd.mp4" in out and "\x1b" not in out
    assert "ok  Cut on the beat: 8 of 8 cuts" in out and "LUFS" in out


def test_cuts_beside_the_beat_and_a_late_sound(song: Path, tmp_path: Path, capsys: Capture) -> None:
    video = write_film(tmp_path / "off.mkv", shots(cuts(0.12)), even(SECONDS), song=song, late=0.06)
    found = checked(capsys, video, song)
    assert found.sound is not None and found.sound.starts_at == pytest.approx(0.06, abs=0.012)
    assert found.on_beat is not None and found.on_beat.within_40_ms < 0.2 + 0.8 * found.on_beat.chance_within_40_ms
    assert found.on_beat.bias_ms == pytest.approx(60, abs=25)
    assert (told(found, "cuts"), told(found, "sound")) == (False, False)


def test_a_song_that_begins_elsewhere_is_found(song: Path, tmp_path: Path, capsys: Capture) -> None:
    shown = [at + 2 for at in cuts()]
    video = write_film(tmp_path / "intro.mp4", shots(shown), even(SECONDS + 2), song=song, late=2.0)
    found = checked(capsys, video, song)
    assert found.sound is not None and found.sound.starts_at == pytest.approx(2.0, abs=0.005)
    assert found.on_beat is not None and found.on_beat.median_ms < 25


def test_webm_without_the_song(song: Path, tmp_path: Path, capsys: Capture) -> None:
    other = write_clicks(tmp_path / "other.wav", SECONDS, [0.1, 0.9, 1.15, 2.6, 3.1, 4.9, 5.6, 7.7, 9.0, 10.3])
    video = write_film(
        tmp_path / "a.webm",
        shots(cuts()),
        even(SECONDS),
        codec="libvpx",
        song=other,
        sound_codec="libopus",
    )
    found = checked(capsys, video, song)
    assert found.container == "matroska" and found.picture.codec == "vp8"
    assert found.sound is not None and (found.sound.codec, found.sound.is_the_song) == ("opus", False)
    assert told(found, "sound") is False
    assert found.picture.even, "whole milliseconds are as even as the file can say"
    assert len(found.cuts) == len(cuts())


def test_uneven_silent_and_partly_still(song: Path, tmp_path: Path, capsys: Capture) -> None:
    jitter = np.random.default_rng(1).uniform(0, 0.02, 400)
    times = [at + float(jitter[number]) for number, at in enumerate(even(SECONDS))]
    moving = shots([4.0])

    def paint(at: float) -> np.ndarray:
        if 8 <= at < 9.5:
            return np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        return moving(min(at, 6.0)) if at < 8 else moving(at)

    video = write_film(tmp_path / "vfr.mov", paint, times)
    found = checked(capsys, video, song)
    assert found.sound is None and not found.picture.even
    assert 5 < found.picture.uneven_ms < 25
    (black,) = found.black
    assert black.start == pytest.approx(8, abs=0.06) and black.end == pytest.approx(9.5, abs=0.06)
    assert any(one.start == pytest.approx(6, abs=0.6) for one in found.motion.still)
    assert any(one.start == pytest.approx(6, abs=0.3) for one in found.frozen)
    assert (told(found, "still"), told(found, "black"), told(found, "timing")) == (False, False, False)


def test_flashes_are_told(song: Path, tmp_path: Path, capsys: Capture) -> None:
    def paint(at: float) -> np.ndarray:
        bright = 4 <= at < 6 and (at * 5 + 1e-6) % 1 < 0.5
        return np.full((HEIGHT, WIDTH, 3), 230 if bright else 30, np.uint8)

    found = checked(capsys, write_film(tmp_path / "f.mp4", paint, even(8)), song)
    assert found.flashes.a_second == 5 and 3.9 < found.flashes.at < 5.1
    assert told(found, "flashes") is False


def test_what_is_no_video_is_refused(song: Path, tmp_path: Path, capsys: Capture) -> None:
    text = tmp_path / "a.mp4"
    text.write_text("#EXTM3U\nhttp://example.com/a.ts\n")
    noise = tmp_path / "b.mp4"
    noise.write_bytes(b"\0\0\0\x18ftypmp42" + np.random.default_rng(1).bytes(20_000))
    empty = tmp_path / "c.mp4"
    empty.touch()
    for video, code in (
        (text, "unsafe_media"),
        (noise, "not_media"),
        (empty, "empty_file"),
        (song, "no_video_stream"),
        (tmp_path / "missing.mp4", "not_found"),
    ):
        assert main(["check", str(video), "--song", str(song)]) == 2
        assert f"({code})" in capsys.readouterr().err, video
    film = write_film(tmp_path / "d.mp4", shots([1.0]), even(2))
    assert main(["check", str(film), "--song", str(text)]) == 2
    assert main(["check", str(film), "--song", str(song), "--sheet", str(film)]) == 2
    assert "overwrite" in capsys.readouterr().err


def test_a_file_that_breaks_off_is_measured_as_far_as_it_goes(song: Path, tmp_path: Path, capsys: Capture) -> None:
    whole = write_film(tmp_path / "whole.ts", shots([2.0]), even(6))
    video = tmp_path / "part.ts"
    data = bytearray(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    for place in np.random.default_rng(3).integers(len(data) // 2, len(data), 300):
        data[place] ^= 0x55
    video.write_bytes(data)
    found = checked(capsys, video, song)
    assert 1.0 < found.duration < 4.5
    mp4 = write_film(tmp_path / "whole.mp4", shots([2.0]), even(6))
    moved = tmp_path / "front.mp4"
    with av.open(str(mp4)) as source, av.open(str(moved), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    moved.write_bytes(moved.read_bytes()[: moved.stat().st_size // 2])
    found = checked(capsys, moved, song)
    assert found.declared_duration == pytest.approx(6, abs=0.1) and found.duration < 5
    assert told(found, "timing") is False
