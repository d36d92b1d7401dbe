"""Which language a text is written in, guessed from its writing. Pure."""

from __future__ import annotations

import re
from collections import Counter

_WRITINGS: tuple[tuple[str, str], ...] = (
    ("ja", "\u3041-\u30ff\uff66-\uff9f"),
    ("zh", "\u2e80-\u2fdf\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"),
    ("ko", "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"),
    ("th", "\u0e01-\u0e5b"),
    ("lo", "\u0e81-\u0edf"),
    ("my", "\u1000-\u109f"),
    ("km", "\u1780-\u17ff"),
    ("bo", "\u0f00-\u0fff"),
    ("he", "\u0591-\u05f4"),
    ("ar", "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc"),
    ("hi", "\u0900-\u0963\u0966-\u097f"),
    ("bn", "\u0980-\u09ff"),
    ("pa", "\u0a00-\u0a7f"),
    ("gu", "\u0a80-\u0aff"),
    ("or", "\u0b00-\u0b7f"),
    ("ta", "\u0b80-\u0bff"),
    ("te", "\u0c00-\u0c7f"),
    ("kn", "\u0c80-\u0cff"),
    ("ml", "\u0d00-\u0d7f"),
    ("si", "\u0d80-\u0dff"),
    ("am", "\u1200-\u139f"),
    ("ka", "\u10a0-\u10ff"),
    ("hy", "\u0531-\u058f"),
    ("el", "\u0370-\u03ff\u1f00-\u1fff"),
    ("ru", "\u0400-\u052f"),
    ("en", "A-Za-z\u00c0-\u024f\u1e00-\u1eff"),
)
"""The language that stands for each writing, and its letters."""
_COUNTED = tuple((language, re.compile(f"[{letters}]")) for language, letters in _WRITINGS)

_WRITTEN_AS = {language: language for language, _ in _WRITINGS} | {
    "yue": "zh",
    "fa": "ar",
    "ur": "ar",
    "ps": "ar",
    "ckb": "ar",
    "ug": "ar",
    "sd": "ar",
    "mr": "hi",
    "ne": "hi",
    "sa": "hi",
    "uk": "ru",
    "be": "ru",
    "bg": "ru",
    "mk": "ru",
    "sr": "ru",
    "kk": "ru",
    "ky": "ru",
    "mn": "ru",
    "tg": "ru",
    "yi": "he",
    "as": "bn",
    "ti": "am",
}
"""The writing of each language; all others are written in Latin letters."""
_TELLING: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("ar", "ur", re.compile("[\u0679\u0688\u0691\u06ba\u06d2]")),
    ("ar", "fa", re.compile("[\u067e\u0686\u0698\u06af\u06cc]")),
    ("ru", "uk", re.compile("[\u0456\u0457\u0454\u0491]")),
    ("ru", "be", re.compile("\u045e")),
)
"""Letters that only one of those languages has, the first that is found."""

_COMMON_WORDS = {
    "en": "the of and to in is that it was for you with are this have not be on",
    "de": "der die das und ist nicht ein eine ich zu mit den von auf sich auch dem es",
    "fr": "le la les des et est une dans que qui pour pas vous nous avec sur ce du",
    "es": "el la los las y es una que en por para con del se no como más pero",
    "it": "il lo gli di che è un una per non con del della sono e nel anche si",
    "pt": "o os as e é um uma que não para com do da em por mais se são",
    "nl": "de het een en van is dat niet ik zijn op te met voor ook aan er",
    "sv": "och att det som en är på inte för av jag med till den ett har",
    "da": "og at det er en ikke på jeg til af som der med den et har vi",
    "pl": "i w nie na się że to jest z do jak co o tak za ale po",
    "cs": "a je se na že to v s jako ale jsem by si není do tak",
    "tr": "ve bir bu için de da ne çok ama gibi daha var olarak ile",
    "ro": "și este nu un o în la care de cu din pe mai sunt că",
    "hu": "a az és hogy nem egy is van ez de meg csak volt mint",
    "fi": "ja on ei se että hän oli mutta niin kun ovat tai myös",
    "vi": "và là của không có một được cho trong với người này những",
    "id": "dan yang di itu ini dengan untuk tidak dari pada akan adalah",
}
_LISTED = {language: frozenset(words.split()) for language, words in _COMMON_WORDS.items()}
_WORD = re.compile(r"[^\W\d_]+")
_LOOKED_AT = 20_000
"""Letters of a text that are enough to know it by."""


def language_of(text: str) -> str:
    """ISO 639-1; en where nothing tells."""
    seen = text[:_LOOKED_AT]
    writing = writing_of(seen)
    if writing == "en":
        return _by_words(seen)
    for base, language, letters in _TELLING:
        if base == writing and letters.search(seen):
            return language
    return writing or "en"


def writing_of(text: str) -> str:
    """The language that stands for the writing of most letters; "" where there are none."""
    counts = {language: len(letters.findall(text)) for language, letters in _COUNTED}
    if counts["ja"] * 10 > counts["zh"]:
        counts["ja"] += counts["zh"]
        counts["zh"] = 0
    most = max(counts, key=lambda language: counts[language])
    return most if counts[most] else ""


def fits(language: str, text: str) -> bool:
    """Whether a text may well be of a language, by its writing."""
    usual = _WRITTEN_AS.get(language, "en")
    if text.isascii() and usual == "en":
        return True
    writing = writing_of(text)
    return writing in ("", usual) or (usual == "ja" and writing == "zh")


def tag_of(language: str) -> str:
    """The ISO 639 part of a language tag, such as en of en-GB; "" for what is none."""
    found = re.match(r"[a-z]{2,3}(?![a-z])", language.strip().lower())
    return found[0] if found else ""


def _by_words(text: str) -> str:
    said = Counter(word.casefold() for word in _WORD.findall(text))
    scores = {language: sum(said[word] for word in words) for language, words in _LISTED.items()}
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] > max(scores["en"], 1) else "en"
