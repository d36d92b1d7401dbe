"""Lyrics over a look: at their times, at their place, readable, the same every time, whatever the words are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from msgspec import structs

from libs.contracts.analysis import Analysis, Word
from libs.contracts.storyboard import Palette, SceneLyrics, Shot
from services.generator.builtin.looks.stage import Frame
from services.generator.builtin.painter import Painter
from services.generator.builtin.type.contrast import APART, lightness
from services.generator.builtin.type.layer import LyricLayer
from services.generator.builtin.type.phrases import at, sung_lines
from services.generator.builtin.type.styles import STYLES
from tests.unit.generator.scenes import DARK, LIGHT, painter, round_subject, shot, soft_picture, song

SIZES = {"16:9": (320, 180), "9:16": (180, 320), "1:1": (180, 180), "4:5": (180, 224)}
LINES = ("morning light is falling on the floor", "run away with me tonight", "stay")


def sung(lines: Sequence[str], start: float = 2.5, each: float = 0.4, pause: float = 0.8) -> tuple[Word, ...]:
    words, time = [], start
    for number, line in enumerate(lines):
        for text in line.split(" "):
            words.append(Word(text=text, start=time, end=time + 0.9 * each, confidence=1.0, line=number))
            time += each
        time += pause
    return tuple(words)


def heard(words: Sequence[Word]) -> Analysis:
    return structs.replace(song(seconds=30.0), words=tuple(words))


def written(style: SceneLyrics, order: Shot | None = None) -> Shot:
    """The shot with its words drawn in; frame 0 is the song's second 2."""
    order = order or shot("silk", frames=360)
    return structs.replace(order, scene=structs.replace(order.scene, lyrics=style))


def draw(
    style: SceneLyrics,
    words: Sequence[Word],
    size: tuple[int, int] = (320, 180),
    look: str = "hills",
    palette: Palette = DARK,
) -> Painter:
    order = written(style, shot(look, frames=360, palette=palette))
    subject = round_subject()
    return painter(
        order, analysis=heard(words), picture=soft_picture(), subject=subject, width=size[0], height=size[1]
    )


def layer_of(drawn: Painter) -> LyricLayer:
    assert isinstance(drawn.lyrics, LyricLayer)
    return drawn.lyrics


def bare(drawn: Painter, seconds: float) -> Frame:
    """The frame without its words, but with their scrim: what they stand on."""
    layer = layer_of(drawn)
    moment = drawn.moment(index_of(seconds))
    frame = drawn.look.frame(moment).copy()
    draw_phrase = layer.draw_phrase
    layer.draw_phrase = lambda *_: None  # type: ignore[method-assign]
    try:
        layer.draw(frame, moment)
    finally:
        layer.draw_phrase = draw_phrase  # type: ignore[method-assign]
    return frame


def index_of(seconds: float) -> int:
    return round((seconds - 2.0) * 30)


def ink(drawn: Painter, seconds: float) -> npt.NDArray[np.int16]:
    """How much the words change of each pixel, 0..255."""
    with_words = drawn.frame(index_of(seconds)).astype(np.int16)
    return np.asarray(np.abs(with_words - bare(drawn, seconds).astype(np.int16)).max(axis=2), dtype=np.int16)


def word_box(drawn: Painter, number: int, seconds: float) -> tuple[slice, slice]:
    """Rows and columns of a word of the phrase that is seen."""
    layer = layer_of(drawn)
    phrase = at(layer.phrases, seconds, layer.ahead)
    assert phrase is not None
    block = layer.block(phrase)
    x, y = layer.origin(block)
    place = block.placed[number]
    left, top = round(x + place.x) + place.mask.left, round(y + place.y) + place.mask.top
    return slice(top, top + place.mask.height), slice(left, left + place.mask.width)


@pytest.mark.parametrize("style", list(STYLES))
def test_each_word_is_there_from_its_own_time_on(style: SceneLyrics) -> None:
    words = sung(["morning light is"])
    drawn = draw(style, words)
    for number, word in enumerate(words):
        box = word_box(drawn, number, word.start)
        before, after = (ink(drawn, when)[box] for when in (word.start - 0.04, word.start + 0.45))
        assert np.quantile(after, 0.97) > 1.6 * np.quantile(before, 0.97) + 20, word.text
        if style == "line":
            assert before.max() == 0, word.text


@pytest.mark.parametrize("style", list(STYLES))
def test_nothing_is_drawn_before_a_line_and_after_it(style: SceneLyrics) -> None:
    words = sung(LINES, start=4.0)
    drawn = draw(style, words)
    for seconds in (2.1, 3.3, words[-1].end + 2.2):
        index = index_of(seconds)
        assert np.array_equal(drawn.frame(index), drawn.look.frame(drawn.moment(index))), seconds


@pytest.mark.parametrize("size", SIZES, ids=list(SIZES))
@pytest.mark.parametrize("style", list(STYLES))
def test_words_keep_to_the_safe_area(style: SceneLyrics, size: str) -> None:
    width, height = SIZES[size]
    drawn = draw(style, sung([*LINES, "supercalifragilisticexpialidocious, she sang to me"]), (width, height))
    for seconds in np.arange(2.9, 13.0, 1.7):
        rows, columns = np.nonzero(ink(drawn, float(seconds)) > 24)
        if len(rows) == 0:
            continue
        side, foot = (0.06, 0.06) if height <= 1.3 * width else (0.07, 0.20)
        tail = 0.02 if style == "line" else 0.0  # the italic f hangs below and before its stem
        assert columns.min() >= (side - tail) * width and columns.max() <= (1 - side) * width
        assert rows.min() >= 0.05 * height and rows.max() <= (1 - foot) * height


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("look", ["silk", "tiles", "blobs", "duotone"])
@pytest.mark.parametrize("style", list(STYLES))
def test_sung_words_stand_out_from_what_is_behind_them(style: SceneLyrics, look: str, palette: Palette) -> None:
    drawn = draw(style, sung(LINES), (480, 270), look, palette)
    layer = layer_of(drawn)
    for seconds in (3.6, 4.9, 6.7):
        phrase = at(layer.phrases, seconds, layer.ahead)
        assert phrase is not None
        block = layer.block(phrase)
        x, y = layer.origin(block)
        behind = lightness(bare(drawn, seconds), (x, y + block.top, x + block.width, y + block.bottom))
        text = float(layer.inks.paper[0])
        assert abs(text - float(np.median(behind))) >= APART
        assert np.mean(np.abs(text - behind) >= APART - 0.02) >= 0.85


@pytest.mark.parametrize("style", list(STYLES))
def test_the_scrim_is_steady(style: SceneLyrics) -> None:
    """Beside the words, where a line stands, nothing blinks that doesn't in the look itself."""
    drawn = draw(style, sung(["hold on to me and never let me go again"], each=0.3), (320, 180), "blobs")
    times = np.arange(3.2, 5.0, 1 / 30)
    levels = [float(np.mean(bare(drawn, float(seconds)))) for seconds in times]
    own = [float(np.mean(drawn.look.frame(drawn.moment(index_of(float(seconds)))))) for seconds in times]
    changes, usual = np.abs(np.diff(levels)), np.abs(np.diff(own))
    assert np.all(changes <= np.maximum(usual, 0.5) + 1.0)


@pytest.mark.parametrize("style", list(STYLES))
def test_a_line_goes_on_over_a_cut_where_it_stood(style: SceneLyrics) -> None:
    words = sung(["run away with me tonight"], start=3.0)
    before = painter(written(style, shot("silk", start=60, frames=90, variant=1)), analysis=heard(words))
    after = painter(written(style, shot("hills", start=120, frames=90, variant=2)), analysis=heard(words))
    first, second = layer_of(before), layer_of(after)
    assert first.phrases == second.phrases
    one, other = first.block(first.phrases[0]), second.block(second.phrases[0])
    assert first.origin(one) == second.origin(other)
    assert [place.x for place in one.placed] == [place.x for place in other.placed]
    index = 15
    changed = np.abs(after.frame(index).astype(int) - after.look.frame(after.moment(index)).astype(int)).max()
    assert changed > 60, "what was sung before the cut is still there"


@pytest.mark.parametrize("style", list(STYLES))
def test_frames_do_not_depend_on_the_order_of_asking_or_on_threads(style: SceneLyrics) -> None:
    words = sung(LINES)
    one, other = draw(style, words), draw(style, words)
    first = [one.frame(index) for index in (20, 60, 100)]
    cv2.setNumThreads(4)
    try:
        again = [other.frame(index) for index in (100, 60, 20)]
    finally:
        cv2.setNumThreads(1)
    assert all(np.array_equal(a, b) for a, b in zip(first, reversed(again), strict=True))


def test_type_stays_off_a_subject_where_there_is_room() -> None:
    words = sung(LINES)
    for style in STYLES:
        drawn = draw(style, words, (320, 180), "duotone")
        for seconds in (3.6, 6.6):
            rows, columns = np.nonzero(ink(drawn, seconds) > 60)
            face = (columns > 0.42 * 320) & (columns < 0.58 * 320) & (rows > 0.38 * 180) & (rows < 0.5 * 180)
            assert face.mean() < 0.02, style


HOSTILE = {
    "a word of 10,000 letters": "a" * 10_000,
    "500 words": " ".join(["word"] * 500),
    "emoji alone": "🔥 🎸 ❤️",
    "right to left": "אני אוהב אותך לנצח baby",
    "arabic": "حبيبي يا نور العين",
    "controls": "so\u202efar\u0000 \u001b[31mgone\u200b\u200d \ufeff",
    "marks": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
    "one long line without spaces": "夜に駆ける物語の始まりと終わりをまだ誰も知らないままで",
    "unassigned": "\U000e0fff \ue000 \ufffe",
}


@pytest.mark.parametrize("text", list(HOSTILE.values()), ids=list(HOSTILE))
@pytest.mark.parametrize("style", list(STYLES))
def test_any_words_can_be_drawn(style: SceneLyrics, text: str) -> None:
    width, height = SIZES["9:16" if len(text) % 2 else "16:9"]
    words = sung([text, "then stay"], each=0.02 if len(text) > 1000 else 0.3, pause=0.6)
    drawn = draw(style, words, (width, height))
    for seconds in (2.6, 3.4, words[-1].start + 0.1):
        rows, columns = np.nonzero(ink(drawn, seconds) > 40)
        if len(rows):
            assert columns.min() >= 0.05 * width and columns.max() <= 0.95 * width
            assert rows.min() >= 0.03 * height and rows.max() <= 0.97 * height
    assert ink(drawn, words[-1].start + 0.5).max() > 60


def test_words_of_symbols_alone_have_no_layer() -> None:
    assert draw("line", sung(["🔥 🎸", "❤️"])).lyrics is None
    assert painter(written("line"), analysis=heard(())).lyrics is None


def test_japanese_breaks_after_its_particles() -> None:
    words = [Word(text="夜に駆ける物語の始まりを", start=1.0, end=3.0, confidence=1.0)]
    (line,) = sung_lines(words, "grotesk")
    assert [word.text for word in line] == ["夜に", "駆ける", "物語の", "始まりを"]
    assert line[0].start == 1.0 and line[-1].end == pytest.approx(3.0)
    assert [word.spaced for word in line] == [True, False, False, False]


@pytest.mark.parametrize("text", ["🔥", "ሰላም", "\u202e", "  "])
@pytest.mark.parametrize("look", ["wall", "slam"])
def test_looks_of_type_give_way_where_nothing_can_be_written(look: str, text: str) -> None:
    drawn = painter(shot(look, text=text), analysis=heard(sung(["🔥 ሰላም"])))
    assert drawn.look_name not in ("wall", "slam")
    assert drawn.frame(0).shape == (108, 192, 3)


@pytest.mark.parametrize(
    "text", [value for value in HOSTILE.values() if "🔥" not in value and "\ue000" not in value]
)
@pytest.mark.parametrize("look", ["wall", "slam"])
def test_looks_of_type_write_any_words(look: str, text: str) -> None:
    drawn = painter(shot(look, text=text), analysis=heard(sung([text], each=0.02)), width=108, height=192)
    assert drawn.look_name == look
    assert len(np.unique(drawn.frame(10).reshape(-1, 3), axis=0)) > 2
