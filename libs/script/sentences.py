"""A passage to its sentences. `sentencex` finds where they may end; what it gets wrong is mended here. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from sentencex import segment

from libs.script.markdown import label_of
from libs.script.parts import parted

QUOTED_LETTERS = 160
"""Several sentences in quotes or brackets are spoken as one, up to so many letters."""

_PAIRS = (
    ("“", "”"),
    ("„", "“”"),
    ("«", "»"),
    ("»", "«"),
    ("‹", "›"),
    ("「", "」"),
    ("『", "』"),
    ("（", "）"),
    ("(", ")"),
    ("【", "】"),
    ('"', '"'),
)
_BOTH_WAYS = '"»'
"""Quotes that open as well as close: they open behind a space, and before none."""
_QUOTED = re.compile(
    "|".join(
        (f"(?<![^\\s(\\[—–-]){one}(?=\\S)" if one in _BOTH_WAYS else re.escape(one))
        + f"[^{re.escape(one + other)}]{{0,{QUOTED_LETTERS}}}[{re.escape(other)}]"
        for one, other in _PAIRS
    )
)
_QUOTES = re.compile('[“”„«»‹›「」『』（）()【】"]')
_HEBREW_MARK = re.compile('(?<=[\u0590-\u05ff])"(?=[\u0590-\u05ff])')

_OPENING = "“„«‹「『（(【《〈¿¡"
_CLOSING = "\"'”’»›」』）)】》〉\\]"
_CAPITALS = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĘĚĞĢİŁŃŇŌŐŒŘŚŞŠŢŤŪŮŰŹŻŽΑ-ΩА-ЯЁІЇЄҐ"
_SMALLS = "a-zà-öø-ÿāăąćčďđēęěğģıłńňōőœřśşšţťūůűźżžα-ωа-яёіїєґ"
_MISSED = re.compile(
    rf"(?:…|\.\.\.|[.!?…][)\]])[{_CLOSING}]*\s+(?=[{_OPENING}\"]?[{_CAPITALS}])"
    rf"|[。！？｡]+[{_CLOSING}]*\s*(?=[^\s{_CLOSING}。！？｡、，…])"
    r"|[។៕།]+\s*(?=[^\s។៕།])"
)
"""Ends that sentencex leaves out."""
_DANGLING = re.compile(rf"(?<=\s)[\"'‘{_OPENING}\[]+\s*$")
"""A quote that opens where a sentence ends: it belongs to the next one."""
_LABEL = re.compile(r"\s*\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,6})[.)]\s*")
_SMALL = re.compile(rf"[{_OPENING}\"'‘–—―-]*\s*[{_SMALLS}](?![{_CAPITALS}])")
_ORDINAL = re.compile(
    r"\b(?:am|ab|bis|das|de[mnrs]|die|jede[mnrs]?|im|vom|seit|unser|zu[mr]|sein|ihr|mein)"
    r"\s+(?:\d{1,2}|[IVX]{1,5})\.\s+$",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"(?:^|[\s(\"“„«'])(?:Mr|Mrs|Ms|Mx|Dr|Prof|Rev|Hon|Gov|Sen|Rep|Gen|Lt|Col|Sgt|Capt|Messrs|MM?|Mme|Mlle|Mgr|Av|Bd"
    r"|Sig|Sra?|Sta|Dott|Ing|Hr|Fr|Hrn|St|д-р|ул|пр|им|د|أ|م|डॉ|श्री|प्रो)\.\s+$"
)
"""What stands before names, and never ends a sentence."""
_DECIMAL = re.compile(r"\d\.$")
_INITIAL = re.compile(r"(?<!\w)\w\.$")
_NOTED = re.compile(r"(?<=\S)(?:[\u00b9\u00b2\u00b3\u2070-\u2079†‡]+|\[\d{1,3}\])\s*")
"""The mark of a footnote behind a sentence."""
_SAID = {
    "ja": re.compile("(?:と|って|っと|なんて|など|という|とか|は|が|を|に|の|も|、|，)"),
    "zh": re.compile("[^“「，。]{0,8}?(?:说|說|道|问|問|喊|叫|答|笑)"),
}
"""What goes on after a quote, by language."""
_LOOKED_BACK = 40
_WINDOW = 600


def sentences_of(text: str, language: str) -> Iterator[str]:
    """The sentences of a passage, in order; those that are too long to be spoken at once in parts.

    language: ISO 639-1. Together they are the passage, but for the spaces between them.
    """
    label = len(label_of(text))
    ends = [label + end for end in _ends(text[label:], language)]
    for piece in _between(text, _mended(text, ends, language)):
        yield from parted(piece.strip())


def _between(text: str, ends: list[int]) -> Iterator[str]:
    at = 0
    for end in [*ends, len(text)]:
        yield text[at:end]
        at = end


def _ends(text: str, language: str) -> list[int]:
    """Where sentences may end within a text: offsets, rising."""
    text = _HEBREW_MARK.sub("\u05d0", text)
    found: list[int] = []
    at = 0
    for piece in _between(text, _segmented(text, language)):
        if len(piece) > QUOTED_LETTERS:
            within = _segmented(_QUOTES.sub(" ", piece), language)
            found.extend(at + end for end in within)
        at += len(piece)
        found.append(at)
    found.extend(missed.end() for missed in _MISSED.finditer(text))
    quoted = _inside_quotes(text)
    found = [noted.end() if (noted := _NOTED.match(text, end)) else end for end in found]
    return sorted({end for end in found if 0 < end < len(text)} - quoted)


def _segmented(text: str, language: str) -> list[int]:
    """Where sentencex ends sentences. It takes quadratic time, so it gets a window at a time: of what it finds all
    but the last, which may go on behind it."""
    found: list[int] = []
    at = 0
    while at < len(text):
        window = text[at : at + _WINDOW]
        pieces = segment(language, window)
        whole = at + len(window) == len(text)
        ends = list(accumulate(len(piece) for piece in pieces))[:-1]
        found.extend(at + end for end in ends)
        if whole:
            break
        at = found[-1] if ends else at + len(window)
    return found


def _inside_quotes(text: str) -> set[int]:
    return {at for quoted in _QUOTED.finditer(text) for at in range(quoted.start() + 1, quoted.end())}


def _mended(text: str, ends: list[int], language: str) -> list[int]:
    """Without the ends at which the sentence goes on."""
    small = bool(_SMALL.match(text))
    found: list[int] = []
    for index, raw in enumerate(ends):
        start = found[-1] if found else 0
        before = text[max(start, raw - _LOOKED_BACK) : raw]
        dangling = _DANGLING.search(before)
        end = raw - len(before) + dangling.start() if dangling else raw
        after = text[end : ends[index + 1] if index + 1 < len(ends) else len(text)][:_LOOKED_BACK]
        before = text[max(start, end - _LOOKED_BACK) : end]
        if end > start and not _goes_on(before, after, language, small=small):
            found.append(end)
    return found


def _goes_on(before: str, after: str, language: str, *, small: bool) -> bool:
    """Whether the sentence that seems to end between two texts goes on.

    small: all sentences of the passage begin with small letters.
    """
    if _LABEL.fullmatch(before) or _TITLE.search(before):
        return True
    if (_DECIMAL.search(before) and after[:1].isdigit()) or (_INITIAL.search(before) and after[:1].isalpha()):
        return True
    if not small and _SMALL.match(after):
        return True
    if language == "de" and _ORDINAL.search(before):
        return True
    said = _SAID.get(language)
    return before[-1:] in "」』”" and said is not None and bool(said.match(after))
