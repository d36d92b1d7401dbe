"""What is written large: the title, and the hook, the words that the choruses come back to. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby

from libs.contracts.analysis import Analysis, Word

LONGEST_HOOK = 18
"""Letters; longer ones can't be written large."""
MOST_WORDS = 3
LONGEST_TITLE = 40
"""Letters of a title that can be set on a page; of longer ones, the whole words that fit."""
_ASIDE = re.compile(
    r"\s*[(\[][^)\]]*\b(feat|ft|with|official|video|audio|lyrics?|remaster(ed)?|version|edit|mix|live|prod)\b[^)\]]*[)\]]"
    r"|\s+[-\u2013]\s+(\d{4}\s+)?remaster(ed)?\b.*$|\s+(feat|ft)\.\s.*$",
    re.IGNORECASE,
)
"""What shops and labels add to a title."""

_SLIGHT_WORDS = """
    a an and are as at be been but by can could did do does for from had has have he her him his i i'm if in
    into is it it's its just like me my no not of oh on or our out she so than that the their them then
    there they this to too up us was we were what when where who will with would yeah you you're your de la
    le les un une des et en el los las y que una der das und ein eine ich du il lo gli e di che o os um uma
"""
_SLIGHT = frozenset(_SLIGHT_WORDS.split())
"""Words that say little alone. They may stand inside a hook; one doesn't end in them or consist of them."""


def known_words(analysis: Analysis) -> tuple[Word, ...]:
    """The sung words whose times are known, in order of time."""
    sung = (word for word in analysis.words if word.placed and word.end > word.start)
    return tuple(sorted(sung, key=lambda word: word.start))


def title_text(title: str) -> str:
    """The title as it can be set: on one line, without what labels add; "" where there is nothing to read."""
    text = _ASIDE.sub("", _plain(title)).strip() or _plain(title)
    if not any(char.isalnum() for char in text):
        return ""
    while len(text) > LONGEST_TITLE and " " in text:
        text = text.rsplit(" ", 1)[0].rstrip(" -,;:\u2013")
    return text if len(text) <= LONGEST_TITLE else ""


def hook_text(analysis: Analysis, title: str) -> str:
    """One to three words to write large: what the choruses repeat most, else the title's strongest; "" without.

    Words whose times are only guessed count by what repeats anywhere.
    """
    sung = _chorus_words(analysis)
    return _refrain(sung) or _strongest(title_text(title))


def strongest_words(text: str) -> str:
    """One to three words of a text to write large: those on end that say most; "" without."""
    return _strongest(text)


def _chorus_words(analysis: Analysis) -> Sequence[Word]:
    spans = [(section.start, section.end) for section in analysis.sections if section.label == "chorus"]
    known = known_words(analysis)
    inside = [word for word in known if any(start <= word.start < end for start, end in spans)]
    return inside or analysis.words


def _refrain(words: Sequence[Word]) -> str:
    """The phrase within a line that comes most often, at least twice; of equals the fuller, then the earlier."""
    counts: dict[tuple[str, ...], int] = defaultdict(int)
    written: dict[tuple[str, ...], str] = {}
    lines = [[_bare(word.text) for word in line] for _, line in groupby(words, key=lambda word: word.line)]
    for line in lines:
        said = [text for text in line if text]
        for size in range(1, MOST_WORDS + 1):
            for at in range(len(said) - size + 1):
                phrase = said[at : at + size]
                key = tuple(text.casefold() for text in phrase)
                counts[key] += 1
                written.setdefault(key, " ".join(phrase))
    fitting = [
        key for key, count in counts.items() if count >= 2 and _tells(key) and len(written[key]) <= LONGEST_HOOK
    ]
    if not fitting:
        return ""
    best = max(fitting, key=lambda key: counts[key] * (1.0 + 0.45 * _weight(key)))
    return written[best]


def _strongest(title: str) -> str:
    """A short title as it is, of a long one its longest words on end that tell something."""
    words = [bare for text in _plain(title).split() if (bare := _bare(text))]
    whole = " ".join(words)
    if not words or not any(char.isalpha() for char in whole):
        return ""
    if len(words) <= MOST_WORDS and len(whole) <= LONGEST_HOOK:
        return whole
    phrases = [
        words[at : at + size]
        for size in range(1, MOST_WORDS + 1)
        for at in range(len(words) - size + 1)
        if len(" ".join(words[at : at + size])) <= LONGEST_HOOK
    ]
    telling = [phrase for phrase in phrases if _tells([word.casefold() for word in phrase])]
    if not telling:
        return ""
    return " ".join(max(telling, key=lambda phrase: _weight([word.casefold() for word in phrase])))


def _tells(phrase: Iterable[str]) -> bool:
    """Whether it neither begins nor ends in a slight word, as a hook that was cut out badly would."""
    words = list(phrase)
    return words[0] not in _SLIGHT and words[-1] not in _SLIGHT and len("".join(words)) >= 2


def _weight(phrase: Iterable[str]) -> float:
    """How much the words say: the telling ones count, the longer the more, up to eight letters."""
    return sum(0.6 + min(len(word), 8) / 8.0 for word in phrase if word not in _SLIGHT)


def _bare(text: str) -> str:
    """A word without the punctuation around it."""
    return re.sub(r"^[^\w]+|[^\w]+$", "", _plain(text))


def _plain(text: str) -> str:
    """Composed, on one line, without characters that can't be seen."""
    seen = "".join(char if char.isprintable() else " " for char in unicodedata.normalize("NFC", text))
    return " ".join(seen.split())
