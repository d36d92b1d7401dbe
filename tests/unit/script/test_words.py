"""Words as captions show them, and captions as groups of words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.script.caption_lines import MAX_COLUMNS, caption_lines
from libs.script.words import is_sayable, joined, parted, sayable, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The quick, brown fox.", "The|quick,|brown|fox."),
        ("Vraiment ? « Oui » dit-il — enfin !", "Vraiment\u00a0?|«\u00a0Oui\u00a0»|dit-il\u00a0—|enfin\u00a0!"),
        ("यह है ।", "यह|है\u00a0।"),
        ("— Да.", "—\u00a0Да."),
        ("Great 🎉 news & more", "Great|🎉|news|&|more"),
        ("名前はまだ無い。", "名前はまだ|無い。"),
        ("「本当？」と彼は言った。", "「本当？」と|彼は|言った。"),
        ("私はPythonが好き。", "私は|Python|が|好き。"),
        ("2024年に来た。", "2024年に|来た。"),
        ("他说：“走吧！现在。”", "他说：|“走吧！|现在。”"),
        ("안녕하세요 여러분.", "안녕하세요|여러분."),
        ("ខ្ញុំ\u200bស្រឡាញ់\u200bអ្នក។", "ខ្ញុំ|ស្រឡាញ់|អ្នក។"),
        ("שלום לכולם!", "שלום|לכולם!"),
        ("...", "..."),
        ("", ""),
    ],
)
def test_words(text: str, words: str) -> None:
    assert words_of(text) == (tuple(words.split("|")) if words else ())


def test_long_writing_without_spaces_is_cut_between_letters() -> None:
    for text in ("ผมชอบเขียนโปรแกรมที่สุดในโลก", "然后离开了北京的人民大会堂去上海", "ខ្ញុំស្រឡាញ់ប្រទេសកម្ពុជាណាស់"):
        words = words_of(text)
        assert "".join(words) == text and len(words) > 2
        assert all(is_sayable(word[0]) for word in words), words


def test_spaces_stand_where_they_belong() -> None:
    assert joined(("私は", "Python", "が", "好き。")) == "私は Python が好き。"
    assert joined(("2024年に", "来た。")) == "2024年に来た。"
    assert joined(("One", "two.")) == "One two."
    assert not parted("来た。", "2024年")


@given(st.text(st.sampled_from("aB.,!? «»—-“”「」。、あ漢ガกเ้ខ្ញ\u200b1%🎉ш"), max_size=120))
def test_words_are_the_text(text: str) -> None:
    def bare(shown: str) -> str:
        return "".join(shown.replace("\u200b", "").split())

    assert bare("".join(words_of(text))) == bare(text)
    assert all(word.strip() for word in words_of(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Great 🎉🎉 news!", "Great news!"),
        ("A family 👨‍👩‍👧 of 3", "A family of 3"),
        ("I ❤️ you →", "I you"),
        ("1️⃣ of 2 flags 🇩🇪 👍🏽", "1 of 2 flags"),
        ("© 2024 at 5 °C & 3 €, № 4, 漢字 می‌خواهم", "© 2024 at 5 °C & 3 €, № 4, 漢字 می‌خواهم"),
    ],
)
def test_emoji_are_not_said(text: str, said: str) -> None:
    assert sayable(text) == said


def _captions(text: str) -> list[str]:
    words = words_of(text)
    return [joined(words[start:end]) for start, end in caption_lines(words)]


def test_captions_end_with_sense() -> None:
    assert _captions("A short one.") == ["A short one."]
    assert _captions(
        "When the rain had stopped, they all went down to the harbour, where the boats of the old fishermen lay."
    ) == [
        "When the rain had stopped, they all went down to the harbour,",
        "where the boats of the old fishermen lay.",
    ]


def test_wide_letters_take_their_room() -> None:
    for caption in _captions("吾輩は猫である。" * 8):
        assert len(caption) <= MAX_COLUMNS // 2


def test_a_word_that_is_too_wide_stands_alone() -> None:
    assert caption_lines(("so", "a" * 100, "is")) == [(0, 1), (1, 2), (2, 3)]
    assert caption_lines(()) == []


@given(st.lists(st.text(st.sampled_from("abc,.漢"), min_size=1, max_size=30), max_size=60))
def test_captions_hold_all_words_in_order(words: list[str]) -> None:
    found = caption_lines(words)
    assert [index for start, end in found for index in range(start, end)] == list(range(len(words)))
    assert all(len(joined(words[start:end])) <= MAX_COLUMNS for start, end in found)


def test_no_caption_ends_with_an_article_if_it_need_not() -> None:
    text = " ".join(["The keeper of the lamp saw a sail in the west and ran to the top of the tower"] * 6)
    slight = {"the", "of", "a", "in", "to"}
    assert not [caption for caption in _captions(text) if caption.split()[-1].lower() in slight]
