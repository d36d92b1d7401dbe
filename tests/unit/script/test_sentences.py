"""Sentences of many languages: abbreviations, numbers, quotes, lists, dashes; and sentences that are too long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.script.parts import LONGEST_LETTERS, LONGEST_S
from libs.script.pauses import speech_s
from libs.script.sentences import sentences_of


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "1. First item.|2. Second item."),
        ("en", "Dr. Smith paid $3.50 to Mrs. Jones, i.e. too much.|He left at 5 p.m. on Jan. 3, 2024.|Why?"),
        ("en", "Version 3.5.2 is out.|Visit www.example.com or write to me@example.com.|Thanks!"),
        ("en", "“Really?” he asked.|“Yes!” she said.|Then they left."),
        ("en", '"Really?" he asked.|"Yes."|She left.'),
        ("en", "He left (She stayed. He cried.) and ran.|Go."),
        ("en", "(He left. She stayed.)|Then it rained."),
        ("en", "I live in the U.S.|It is big."),
        ("en", "J. R. R. Tolkien wrote it.|J.K. Rowling did not."),
        ("en", "You did what?!|Really…|I see.|Wait... what?"),
        ("en", "hello there.|how are you.|i am fine."),
        ("en", "That's it.|'Tis over."),
        ("en", "He likes Yahoo! as a name.|So be it."),
        ("en", "So it was.¹|Or not.[2]|Who knows?"),
        ("fr", "L'O.N.U. a dit « non ».|Mais pourquoi ?"),
        ("de", "Am 3. Mai 2020 begann es.|Dann kam z. B. der 4. Platz, d.h. der 2. Weltkrieg."),
        ("de", "Er sagte: „Geh weg! Jetzt.“|Dann ging er.|»Ja.«|Gut."),
        ("de", "Ludwig XIV. war König.|Prof. Dr. Müller kam usw. und blieb."),
        ("fr", "M. Dupont est là.|Vraiment ?|Oui !|« Bonjour. Ça va ? » dit-il."),
        ("es", "¿Cómo estás?|¡Bien!|El Sr. García y la Sra. López.|—¿Vienes? —preguntó Ana.|Sí."),
        ("it", "Il sig. Rossi è qui.|Il dott. Bianchi no."),
        ("pt", "O Sr. Silva mora na Av. Paulista.|É longe."),
        ("pl", "Prof. Kowalski przyszedł.|W 1990 r. było inaczej."),
        ("ru", "Привет!|Я в 2020 г. жил в г. Москве.|Он сказал: «Уходи! Сейчас же.»|И ушёл."),
        ("ru", "— Ты идёшь? — спросил он.|— Да."),
        ("ja", "「本当？」と彼は言った。|今日は雨です。|「行こう。」|彼女は走った。"),
        ("ja", "1.5倍です。|3.0です。|えっ？！|まさか…そうか。|（本当だ。）|はい。"),
        ("zh", "“真的吗？”他问。|“是的。”她说。|价格是3.5元。|他说：“走吧！现在。”|然后离开了。"),
        ("ko", "안녕하세요.|잘 지내요?|네!"),
        ("ar", "مرحبا بك.|كيف حالك؟|أنا بخير!|د. أحمد هنا."),
        ("he", 'שלום.|מה שלומך?|ד"ר כהן פה.|צה"ל הגיע.'),
        ("hi", "नमस्ते।|आप कैसे हैं?|डॉ. शर्मा आए।|यह ३.५ है।"),
        ("th", "สวัสดีครับ วันนี้อากาศดี ไปเที่ยวกันไหม?|ไปสิ!"),
        ("el", "Γεια σου.|Τι κάνεις;|Καλά!"),
        ("hy", "Բարեւ։|Ինչպե՞ս ես։"),
        ("km", "សួស្តី។|អ្នកសុខសប្បាយទេ?"),
        ("ur", "سلام۔|آپ کیسے ہیں؟"),
        ("xx", "Hello.|There."),
    ],
)
def test_sentences_end_where_they_should(language: str, text: str) -> None:
    tight = language in ("ja", "zh")
    expected = text.split("|")
    assert list(sentences_of(("" if tight else " ").join(expected), language)) == expected


@pytest.mark.parametrize("label", ["1.", "12)", "(3)", "a)", "B.", "iv.", "2.1", "(b)"])
def test_the_label_of_a_point_stays_with_it(label: str) -> None:
    assert list(sentences_of(f"{label} Wash it. Dry it.", "en")) == [f"{label} Wash it.", "Dry it."]


@pytest.mark.parametrize(("opened", "closed"), [('"', '"'), ("«", "»"), ("“", "”"), ("(", ")")])
def test_what_stands_between_long_quotes_is_not_in_quotes(opened: str, closed: str) -> None:
    long = f"{opened}Nobody{' ever' * 50} came{closed} he said."
    assert list(sentences_of(f"{long} Then he left. So did she. {long}", "en")) == [
        long,
        "Then he left.",
        "So did she.",
        long,
    ]


def test_a_long_quote_is_parted_where_its_sentences_end() -> None:
    said = (
        "“" + " ".join(f"This is number {number} of what she had to say." for number in range(12)) + "” He nodded."
    )
    found = list(sentences_of(said, "en"))
    assert len(found) == 13
    assert found[0] == "“This is number 0 of what she had to say."
    assert found[-1] == "He nodded."


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("and so it went on and on, " * 60, ","),
        (" ".join(["word"] * 500), "d"),
        ("x" * 2000, "x"),
        ("吾輩は猫である、" * 60, "、"),
        ("漢" * 900, "漢"),
        ("ผมชอบเขียนโปรแกรม " * 40, "ม"),
        ("9" * 1000, "9"),
    ],
)
def test_nothing_spoken_at_once_is_too_long(text: str, ends: str) -> None:
    found = list(sentences_of(text, "en"))
    assert "".join("".join(found).split()) == "".join(text.split())
    for part in found:
        assert len(part) <= LONGEST_LETTERS and speech_s(part) <= LONGEST_S
        assert part.endswith(ends)
    assert all(len(part) > 20 for part in found[:-1])


@given(
    st.text(st.sampled_from("aAbB .!?,;\"“”()「」。、と1२'…—\u05d0de"), max_size=400),
    st.sampled_from(["en", "de", "ja", "zh"]),
)
def test_nothing_is_lost_or_added(text: str, language: str) -> None:
    line = " ".join(text.split())
    found = list(sentences_of(line, language))
    assert "".join("".join(found).split()) == "".join(line.split())
    assert all(part == part.strip() != "" for part in found)
