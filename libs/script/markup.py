"""SSML and HTML to plain text in pieces, with the pauses and breaks that the tags ask for. Pure; linear in time.

Nothing is parsed that isn't plainly a tag: `a < b`, `<3` and `List<String>` are text. What comes out is spoken and
shown, never read as markup again.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from enum import IntEnum
from html.entities import html5
from typing import NamedTuple

LONGEST_PAUSE_S = 10.0
"""What all breaks between two words may ask for together."""
STRENGTHS_S = {"none": 0.0, "x-weak": 0.0, "weak": 0.15, "medium": 0.35, "strong": 0.7, "x-strong": 1.2}
"""The pauses that SSML names, in seconds."""


class Break(IntEnum):
    """What comes between two pieces."""

    NONE = 0
    LINE = 1
    """A sentence ends here."""
    PARAGRAPH = 2


class Piece(NamedTuple):
    """Text without tags, and what follows it."""

    text: str
    after: Break
    pause_s: float
    """Asked for after it; 0: the usual one."""


class Unmarked(NamedTuple):
    """A text without its tags."""

    pieces: tuple[Piece, ...]
    whole: bool
    """All of it was markup: line ends mean nothing in it."""
    unheard: tuple[str, ...]
    """The tags that are left out and would have been heard or run, sorted."""


_NAME = r"[A-Za-z][\w:.-]{0,60}+"
_BARE = r"async|autoplay|checked|controls|defer|disabled|hidden|loop|muted|nomodule|open|required|reversed|selected"
_ATTRIBUTE = rf"\s++(?:[\w:.-]++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+'|[^\s\"'<>=`]++)|(?:{_BARE})\b)"
_TAG = re.compile(
    rf"<(?P<end>/?)(?P<name>{_NAME})(?P<attributes>(?:{_ATTRIBUTE})*+)\s*+(?P<empty>/?)>", re.IGNORECASE
)
_DECLARED = re.compile(r"<(?:!doctype|\?xml)\b[^<>]*+>", re.IGNORECASE)
_VALUE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_CLOSED = re.compile(rf"</({_NAME})\s*+>")
_ENTITY = re.compile(r"&(?:(#)(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6})|[A-Za-z][A-Za-z0-9]{1,30});")
_TIME = re.compile(r"\+?([0-9]{1,7}(?:\.[0-9]{1,6})?|\.[0-9]{1,6})(ms|s)", re.IGNORECASE)

_PARAGRAPH_TAGS = """
    address article aside blockquote body caption center details dialog div dl fieldset figcaption figure footer
    form h1 h2 h3 h4 h5 h6 header hr html main nav ol p paragraph pre section speak summary table tbody
    tfoot thead ul
"""
_PARAGRAPHS = frozenset(_PARAGRAPH_TAGS.split())
_LINES = frozenset(("br", "dd", "dt", "legend", "li", "option", "s", "sentence", "td", "th", "tr"))
_INLINE_TAGS = """
    a abbr acronym area b base bdi bdo big button cite code col colgroup data dfn em font i img input ins kbd label
    link mark meta meter nobr output picture progress q rb ruby samp small source span strong sup time token track
    tt u var w wbr
"""
_UNHEARD = frozenset(("audio", "emphasis", "lang", "lexicon", "phoneme", "prosody", "say-as", "voice"))
_DROPPED_TAGS = "canvas iframe math noscript object script select style svg template textarea video"
_DROPPED = frozenset(_DROPPED_TAGS.split())
"""With all that is in them."""
_DROPPED_SOFTLY = frozenset(("del", "desc", "head", "metadata", "rp", "rt", "strike", "title"))
"""The same; where they don't end, only the tag goes."""
_KNOWN = _PARAGRAPHS | _LINES | frozenset(_INLINE_TAGS.split()) | _UNHEARD | _DROPPED | _DROPPED_SOFTLY
_KNOWN |= {"break", "sub"}
_WHOLE = re.compile(
    rf"\s*+<(?:[!?][A-Za-z]|(?:{'|'.join(sorted(_PARAGRAPHS | {'s', 'li', 'title'}))})\b[^<>]*>)", re.IGNORECASE
)


def unmarked(text: str) -> Unmarked:
    """Take the tags out of a text. Entities are resolved, comments, scripts and styles dropped."""
    reader = _Reader(text)
    reader.read()
    return Unmarked(tuple(_merged(reader.pieces)), reader.whole, tuple(sorted(reader.unheard)))


@dataclass
class _Reader:
    """Goes through a text once, from each `<` to the next."""

    text: str
    pieces: list[Piece] = field(default_factory=list)
    unheard: set[str] = field(default_factory=set)
    whole: bool = False
    _held: list[str] = field(default_factory=list)
    _missing: set[str] = field(default_factory=set)
    """Ends that don't come any more: looked for once."""

    def read(self) -> None:
        closed = {name.lower() for name in _CLOSED.findall(self.text)}
        self.whole = bool(_WHOLE.match(self.text)) and self.text.rstrip().endswith(">")
        at = 0
        while (found := self.text.find("<", at)) >= 0:
            self._keep(self.text[at:found])
            at = self._special(found) or self._tag(found, closed) or found
            if at == found:
                self._held.append("<")
                at += 1
        self._keep(self.text[at:])
        self._end(Break.PARAGRAPH)

    def _keep(self, text: str) -> None:
        self._held.append(_ENTITY.sub(_resolved, text))

    def _end(self, after: Break, pause_s: float = 0.0) -> None:
        self.pieces.append(Piece("".join(self._held), after, pause_s))
        self._held.clear()

    def _special(self, at: int) -> int | None:
        """Where a comment, CDATA or a declaration ends that begins here."""
        if self.text.startswith("<!--", at):
            return self._past("-->", at + 4)
        if self.text.startswith("<![CDATA[", at):
            end = self._past("]]>", at)
            if end:
                self._held.append(self.text[at + 9 : end - 3])
            return end
        declared = _DECLARED.match(self.text, at)
        return declared.end() if declared else None

    def _past(self, end: str, at: int) -> int | None:
        if end in self._missing:
            return None
        found = self.text.find(end, at)
        if found < 0:
            self._missing.add(end)
            return None
        return found + len(end)

    def _past_close(self, name: str, at: int) -> int | None:
        if name in self._missing:
            return None
        found = re.compile(rf"</{name}\s*+>", re.IGNORECASE).search(self.text, at)
        if found is None:
            self._missing.add(name)
        return found.end() if found else None

    def _tag(self, at: int, closed: set[str]) -> int | None:
        """Where the tag ends that begins here, if there is one; its effect is recorded."""
        found = _TAG.match(self.text, at)
        if found is None:
            return None
        name = found["name"].lower()
        if name not in _KNOWN and not (
            found["end"] or found["empty"] or found["attributes"] or ":" in name or name in closed
        ):
            return None
        if found["end"]:
            self._closing(name)
            return found.end()
        return self._opening(name, found)

    def _closing(self, name: str) -> None:
        if name in _PARAGRAPHS:
            self._end(Break.PARAGRAPH)
        elif name in _LINES and name != "br":
            self._end(Break.LINE)

    def _opening(self, name: str, found: re.Match[str]) -> int:
        end = found.end()
        if name in _DROPPED and not found["empty"]:
            self.unheard.add(name)
            return self._past_close(name, end) or len(self.text)
        if name in _DROPPED_SOFTLY and not found["empty"]:
            return self._past_close(name, end) or end
        values = _values(found["attributes"])
        if name == "sub" and values.get("alias"):
            self._keep(values["alias"])
            return self._past_close(name, end) or end
        if name == "break":
            self._pause(_asked(values))
        elif name in _PARAGRAPHS:
            self._end(Break.PARAGRAPH)
        elif name in _LINES:
            self._line(name)
        elif name in _UNHEARD or name not in _KNOWN:
            self.unheard.add(name)
        return end

    def _line(self, name: str) -> None:
        """Two `<br>` on end begin a paragraph."""
        again = name == "br" and self.pieces and not "".join(self._held).strip()
        self._end(Break.PARAGRAPH if again and self.pieces[-1].after is Break.LINE else Break.LINE)

    def _pause(self, asked_s: float) -> None:
        if asked_s >= STRENGTHS_S["medium"]:
            self._end(Break.LINE, asked_s)
        else:
            self._held.append(" ")


def _resolved(entity: re.Match[str]) -> str:
    known = entity[1] == "#" or entity[0][1:] in html5
    return html.unescape(entity[0]) if known else entity[0]


def _values(attributes: str) -> dict[str, str]:
    return {
        found[1].lower(): html.unescape(found[2] or found[3] or found[4] or "").strip()
        for found in _VALUE.finditer(attributes)
    }


def _asked(values: dict[str, str]) -> float:
    """Seconds that a break asks for."""
    time = _TIME.fullmatch(values.get("time", ""))
    if time:
        seconds = float(time[1]) / (1000 if time[2].lower() == "ms" else 1)
        return min(seconds, LONGEST_PAUSE_S)
    return STRENGTHS_S.get(values.get("strength", "").lower(), STRENGTHS_S["medium"])


def _merged(pieces: list[Piece]) -> list[Piece]:
    """The pieces with text; what comes between two of them is all that stood there."""
    found: list[Piece] = []
    for piece in pieces:
        if piece.text.strip():
            found.append(piece)
        elif found:
            last = found[-1]
            found[-1] = Piece(
                last.text + piece.text,
                max(last.after, piece.after),
                min(last.pause_s + piece.pause_s, LONGEST_PAUSE_S),
            )
    return found
