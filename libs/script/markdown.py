"""What Markdown means by its marks, as far as it is heard: headings, items, cells; the rest is left out. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a line is."""

    TEXT = "text"
    BLANK = "blank"
    HEADING = "heading"
    ITEM = "item"
    """A point of a list, a row of a table, or what somebody says after a dash."""


class Line(NamedTuple):
    """A line without its marks."""

    text: str
    kind: Kind
    indent: int
    """Columns before its text, or its mark."""


_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*")
_UNDERLINE = re.compile(r"=+|-{2,}")
_RULE = re.compile(r"(?:[-*_=~+#•·]\s*){3,}|`{3,}.*|~{3,}.*|\[[^\]\s]{1,100}\]:\s*\S+.*")
"""Rules, fences of code, and the addresses of links."""
_BULLET = re.compile(r"[-*+•‣◦▪●○·►➤✓✔]\s+(?:\[[ xX]\]\s+)?(?=\S)")
_DASH = re.compile(r"[–—―]\s*\S")
_LABEL = re.compile(
    r"(?:\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|\(?[ivxIVX]{1,6}[.)]|\d{1,2}(?:\.\d{1,2}){1,3}\.?|第?[一二三四五六七八九十]{1,3}[、.．])(?:\s+|(?<=[、．]))(?=\S)"
)
"""The number or letter of a point."""
_QUOTED = re.compile(r"(?:>\s?)+(?=[^\s>]|$)")
_ROW = re.compile(r"\|.*\|")
_RULED = re.compile(r"[\s|:-]+")

_IMAGE = re.compile(r"!\[([^\[\]\n]{0,300})\]\([^()\s]{0,2000}(?:\s+\"[^\"\n]{0,300}\")?\)")
_LINK = re.compile(
    r"\[([^\[\]\n]{1,500})\](?:\([^()\s]{0,2000}(?:\([^()\s]{0,200}\)[^()\s]{0,200})?(?:\s+\"[^\"\n]{0,300}\")?\)|\[[^\[\]\n]{0,100}\])"
)
_NOTE = re.compile(r"\[\^[^\[\]\s]{1,40}\]")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,2000}|[^<>\s@]{1,100}@[^<>\s@]{1,200})>", re.IGNORECASE)
_CODE = re.compile(r"(`+)(?!`)([^`\n]+?)(?<!`)\1(?!`)")
_STRONG = re.compile(r"(?<!\\)(\*\*\*|\*\*|~~|==)(?=[^\s*~=])([^*~=\n]*[^\s*~=\\])\1")
_STRONG_LINES = re.compile(r"(?<![\w\\])(___|__)(?=[^\s_])([^_\n]*[^\s_\\])\1(?!\w)")
_SOFT = re.compile(r"(?<![\w*\\])\*(?=[^\s*])([^*\n]*[^\s*\\])\*(?![\w*])")
_SOFT_LINES = re.compile(r"(?<![\w\\])_(?=[^\s_])([^_\n]*[^\s_\\])_(?!\w)")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!|<>~-])")


def read_lines(text: str) -> list[Line]:
    """The lines of a text, each with what it is."""
    found: list[Line] = []
    for raw in text.split("\n"):
        bare = raw.strip()
        if not bare and found and found[-1].kind is Kind.BLANK:
            continue
        if found and found[-1].kind is Kind.TEXT and _UNDERLINE.fullmatch(bare):
            found[-1] = found[-1]._replace(kind=Kind.HEADING)
        else:
            found.append(_line(bare, len(raw) - len(raw.lstrip())))
    return found


def _line(bare: str, indent: int) -> Line:
    if not bare or _RULE.fullmatch(bare):
        return Line("", Kind.BLANK, indent)
    quoted = _QUOTED.match(bare)
    if quoted:
        return _line(bare[quoted.end() :].strip(), indent)
    heading = _HEADING.fullmatch(bare)
    if heading:
        return Line(heading[1], Kind.HEADING, indent)
    if len(bare) > 1 and _ROW.fullmatch(bare):
        return _row(bare, indent)
    bullet = _BULLET.match(bare)
    if bullet:
        return Line(bare[bullet.end() :], Kind.ITEM, indent)
    return Line(bare, Kind.ITEM if _DASH.match(bare) else Kind.TEXT, indent)


def _row(bare: str, indent: int) -> Line:
    """A row of a table is read cell by cell."""
    if _RULED.fullmatch(bare):
        return Line("", Kind.TEXT, indent)
    cells = [cell.strip() for cell in bare.strip("|").split("|")]
    return Line(", ".join(cell for cell in cells if cell), Kind.ITEM, indent)


def label_of(text: str) -> str:
    """The number or letter that a point of a list begins with, and the space after it; "" without."""
    found = _LABEL.match(text)
    return found[0] if found else ""


def without_marks(text: str) -> str:
    """The text of a passage without emphasis, the addresses of links, and escapes."""
    if not any(mark in text for mark in "[*_`~=\\<"):
        return text
    text = _LINK.sub(r"\1", _NOTE.sub("", _IMAGE.sub("", text)))
    text = _CODE.sub(r"\2", _AUTOLINK.sub(r"\1", text))
    for mark in (_STRONG, _STRONG_LINES):
        text = mark.sub(r"\2", text)
    for mark in (_SOFT, _SOFT_LINES):
        text = mark.sub(r"\1", text)
    return _ESCAPED.sub(r"\1", text)
