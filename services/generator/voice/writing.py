"""What of a text a voice of some language can say: letters of its writing, digits, and the usual signs."""

from __future__ import annotations

import unicodedata

_LATIN = "LATIN"
_WRITINGS = {
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "kk", "ky", "tt", "ba", "cv"), ("CYRILLIC",)),
    "sr": ("CYRILLIC",),
    "el": ("GREEK",),
    **dict.fromkeys(("ar", "fa", "ur", "ug", "sd"), ("ARABIC",)),
    "he": ("HEBREW",),
    "hy": ("ARMENIAN",),
    "ka": ("GEORGIAN",),
    "am": ("ETHIOPIC",),
    **dict.fromkeys(("hi", "mr", "ne", "kok"), ("DEVANAGARI",)),
    **dict.fromkeys(("bn", "as", "bpy"), ("BENGALI",)),
    "pa": ("GURMUKHI",),
    "gu": ("GUJARATI",),
    "or": ("ORIYA",),
    "ta": ("TAMIL",),
    "te": ("TELUGU",),
    "kn": ("KANNADA",),
    "ml": ("MALAYALAM",),
    "si": ("SINHALA",),
    "th": ("THAI",),
    "my": ("MYANMAR",),
    "ko": ("HANGUL",),
    "ja": ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"),  # espeak-ng reads no kanji
    **dict.fromkeys(("zh", "yue", "hak"), ("CJK", "IDEOGRAPHIC", "BOPOMOFO")),
}
"""The first words of the names of a language's letters in Unicode. Latin ones are said in every language."""
_SAID_SIGNS = frozenset("°©®™№")


def sayable(text: str, language: str) -> str:
    """The text, of the same length, with a space in the place of each character that the voice can't say.

    language: ISO 639-1 of the voice.
    """
    writings = {_LATIN, "FEMININE", "MASCULINE", *_WRITINGS.get(language, ())}
    return "".join(character if _is_sayable(character, writings) else " " for character in text)


def is_word(text: str) -> bool:
    """Whether there is more to it than punctuation and spaces: something that ought to be heard."""
    return any(unicodedata.category(character)[0] in "LNS" for character in text)


def _is_sayable(character: str, writings: set[str]) -> bool:
    if character.isascii():
        return character.isprintable()
    kind = unicodedata.category(character)
    if kind[0] == "L":
        name = unicodedata.name(character, "")
        return name.split(" ")[0] in writings or name.startswith(("FULLWIDTH LATIN", "HALFWIDTH KATAKANA"))
    if kind[0] == "C" or kind in {"Me", "Sk"} or 0xFE00 <= ord(character) <= 0xFE0F:
        return False
    return kind != "So" or character in _SAID_SIGNS
