"""The characters of a script: composed, and without those that can't be seen or said. Pure, and linear in time."""

from __future__ import annotations

import re
import unicodedata

_ENDS = re.compile(r"\r\n?|[\x0b\x1c-\x1e\x85\u2028]")
_PAGES = re.compile("[\x0c\u2029]")
_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufffc\ufffd")
"""Not of the categories that go, and yet nothing to see."""
_JOINERS = "\u200c\u200d"
_SELECTORS = "\ufe0e\ufe0f"
_WORD_ENDS = "\u200b"
"""Between words of South-East Asian writing, which has no spaces."""
_GONE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_STYLED = re.compile("[\ufb00-\ufb06\U0001d400-\U0001d7ff]")
"""Ligatures, and the letters of mathematics, which some write whole posts in."""

_JOINED = "\u0590-\u1cff\u203c-\u3299\ufe0f\U0001f000-\U0001faff"
"""Writing whose letters joiners shape, and emoji."""
_STRAY_JOINER = re.compile(
    f"(?<![{_JOINED}])[{_JOINERS}]+|[{_JOINERS}]+(?![{_JOINED}])|(?<=[{_JOINERS}])[{_JOINERS}]+"
)
_STRAY_SELECTOR = re.compile(f"(?<![0-9#*\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff])[{_SELECTORS}]")
_STRAY_WORD_END = re.compile(
    f"(?<![\u0e00-\u109f\u1780-\u17ff]){_WORD_ENDS}+|{_WORD_ENDS}+(?![\u0e00-\u109f\u1780-\u17ff])"
)

_PILE = re.compile("am{4,}|bm{7,}")
"""More marks on a letter than any writing has: four on a Latin, Greek or Cyrillic one, seven on another."""


class _Kept(dict[int, str | None]):
    """What becomes of each character, found when it is first met."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        kept: str | None = char
        if char == "\n" or char in _JOINERS + _SELECTORS + _WORD_ENDS:
            kept = char
        elif char == "\t" or unicodedata.category(char)[0] == "Z":
            kept = " "
        elif char in _HIDDEN or unicodedata.category(char) in _GONE or 0xE0100 <= code <= 0xE01EF:
            kept = None
        self[code] = kept
        return kept


class _Kinds(dict[int, str]):
    """m: a mark; a: a letter of Europe; b: another character."""

    def __missing__(self, code: int) -> str:
        mark = unicodedata.category(chr(code))[0] == "M"
        self[code] = kind = "m" if mark else "a" if code < 0x530 else "b"
        return kind


_KEPT = _Kept()
_KINDS = _Kinds()


def clean(text: str) -> str:
    """The text in NFC, with `\\n` for line ends and plain spaces; a new page or paragraph sign is an empty line.

    Without controls, what turns the direction of writing, private and unassigned characters, and piles of marks;
    joiners stay where they shape letters or emoji.
    """
    text = _PAGES.sub("\n\n", _ENDS.sub("\n", text)).translate(_KEPT)
    text = _without_piles(text)
    text = _STRAY_WORD_END.sub("", _STRAY_SELECTOR.sub("", _STRAY_JOINER.sub("", text)))
    return unicodedata.normalize("NFC", _STYLED.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text))


def is_text(text: str) -> bool:
    """False for what is bytes of something else: a tenth of it are controls or characters that don't exist."""
    if len(text) < 10:
        return "\0" not in text
    strange = sum(unicodedata.category(char) in ("Cc", "Cs", "Cn") or char == "\ufffd" for char in text)
    return strange - sum(map(text.count, "\n\r\t\x0b\x0c")) < len(text) / 10


def _without_piles(text: str) -> str:
    """Sorting long piles takes forever, so it has to come before NFC."""
    kinds = text.translate(_KINDS)
    if "m" not in kinds:
        return text
    parts = []
    at = 0
    for pile in _PILE.finditer("b" + kinds):
        parts.append(text[at : pile.start()])
        at = pile.end() - 1
    return "".join([*parts, text[at:]])
