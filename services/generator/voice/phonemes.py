"""What is said of a text, symbol by symbol: phonemes with the punctuation that a voice takes its pauses from."""

from __future__ import annotations

import re
import unicodedata
from difflib import Match, SequenceMatcher
from typing import NamedTuple

from services.generator.voice.espeak import Transcript

NOWHERE = -1
"""The origin of what no word says: spaces and punctuation."""

_ENDS = {
    **dict.fromkeys(",،、，﹐", ","),
    **dict.fromkeys(";؛；–—―", ";"),
    **dict.fromkeys(":：", ":"),
    **dict.fromkeys(".。．।۔։…", "."),
    **dict.fromkeys("?？؟\u037e", "?"),
    **dict.fromkeys("!！", "!"),
}
_LANGUAGE_SWITCH = re.compile(r"\([a-z]+(?:-[a-z]+)*\)")
_TAIL = re.compile(r"[^\w\s]*$")
_ABBREVIATION = re.compile(r"(?:\d|\b[^\W\d_]{1,4})\.$")
_WINDOW, _STEP = 240, 160
"""Letters that are compared at once, and how far is gone then: comparing takes the square of the time."""


class Pronunciation(NamedTuple):
    """The symbols of a text as a Piper voice takes them, and for each the index of the character that it says."""

    symbols: str
    origins: tuple[int, ...]


def pronunciation(text: str, transcript: Transcript) -> Pronunciation:
    """A text's symbols. Its punctuation is among them where clauses end, as , ; : . ? or !, and at the end."""
    clauses = [clause for said in transcript.clauses if (clause := _clean(said))]
    told = "".join(place.phonemes for place in transcript.places)
    told_at = [place.at for place in transcript.places for _ in place.phonemes]
    sounds = "".join(clause.replace(" ", "") for clause in clauses)
    found = [told_at[index] for index in aligned(sounds, told)] if told else [0] * len(sounds)
    symbols: list[str] = []
    origins: list[int] = []
    done = 0
    for number, clause in enumerate(clauses):
        for symbol in f" {clause}" if symbols else clause:
            symbols.append(symbol)
            origins.append(NOWHERE if symbol == " " else found[done])
            done += symbol != " "
        if number == len(clauses) - 1:
            end = _end(text) or "."
        else:
            pause = next((at for at in transcript.pauses if found[done - 1] < at <= found[done] + 1), None)
            end = "" if pause is None else _pause(text[:pause])
        symbols += end
        origins += [NOWHERE] * len(end)
    return Pronunciation("".join(symbols), tuple(origins))


def aligned(one: str, other: str) -> list[int]:
    """For each letter of one text the index of its like in the other, which is nearly the same: from left to right,
    and shared out evenly where they differ. What one alone has goes with the letter before. other: not empty."""
    indexes: list[int] = []
    at = 0
    while (done := len(indexes)) < len(one):
        matcher = SequenceMatcher(None, one[done : done + _WINDOW], other[at : at + _WINDOW], autojunk=False)
        blocks = matcher.get_matching_blocks()
        if done + _WINDOW < len(one):
            blocks = [block for block in blocks if block.size and block.a < _STEP] or [Match(_STEP, _STEP, 0)]
        start = at
        for block in blocks:
            missing = done + block.a - len(indexes)
            room = min(start + block.b, len(other)) - at
            indexes += [at + index * room // missing if room else max(0, at - 1) for index in range(missing)]
            indexes += range(start + block.b, start + block.b + block.size)
            at = start + block.b + block.size
    return indexes


def _clean(said: str) -> str:
    """Without the names of languages that espeak switches to, and in the letters of Piper's tables."""
    return unicodedata.normalize("NFD", " ".join(_LANGUAGE_SWITCH.sub("", said).split()))


def _pause(before: str) -> str:
    """What stands for the pause within a text, after these words of it."""
    bare = _bare(before)
    if bare.endswith(("..", "…")):
        return ";"
    if bare == before.rstrip() and _ABBREVIATION.search(bare):
        return ""
    return _end(bare) or ","


def _end(text: str) -> str:
    """The punctuation that a text ends with; a question outdoes what stands beside it."""
    tail = _TAIL.search(_bare(text))
    ends = [_ENDS[mark] for mark in tail[0] if mark in _ENDS] if tail else []
    return "?" if "?" in ends else ends[-1] if ends else ""


def _bare(text: str) -> str:
    """Without the quotes, brackets and spaces at its end."""
    end = len(text)
    while end and (
        text[end - 1].isspace()
        or unicodedata.category(text[end - 1]) in {"Ps", "Pe", "Pi", "Pf"}
        or text[end - 1] in "\"'*_"
    ):
        end -= 1
    return text[:end]
