"""The typefaces by the role they play. Their files lie in packages; no font of the machine is used."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

Role = Literal["display", "grotesk", "title", "italic", "caption", "label"]
"""Condensed capitals; heavy sans; heavy serif; light italic for lyrics; subtitles; small tracked letters."""

CONDENSED = 62.5


@dataclass(frozen=True)
class Face:
    """One cut of a typeface. `axes` are the settings of a variable font, in the order that its file has them."""

    family: str
    package: str
    file: str
    axes: tuple[float, ...] = ()

    @property
    def path(self) -> Path:
        """The font's file. Raises ModuleNotFoundError where its package isn't installed."""
        return Path(str(files(self.package))) / self.file


def _pro(cut: str) -> Face:
    return Face("Source Serif Pro", "font_source_serif_pro", f"files/SourceSerifPro-{cut}.otf")


def _hat(cut: str) -> Face:
    return Face("Red Hat Display", "font_rhd", f"files/RedHatDisplay-{cut}.ttf")


def _manrope(cut: str) -> Face:
    return Face("Manrope", "font_manrope", f"files/Manrope-{cut}.ttf")


_SCRIPTS = (
    ("Arabic", "justmytype_intl_rtl"),
    ("Hebrew", "justmytype_intl_rtl"),
    ("Devanagari", "justmytype_intl_south_asia"),
    ("Bengali", "justmytype_intl_south_asia"),
    ("Tamil", "justmytype_intl_south_asia"),
    ("Telugu", "justmytype_intl_south_asia"),
    ("Thai", "justmytype_intl_sea"),
    ("Lao", "justmytype_intl_sea"),
    ("Khmer", "justmytype_intl_sea"),
    ("Myanmar", "justmytype_intl_sea"),
)


def _noto(weight: float, width: float = 100.0, *, italic: bool = False) -> tuple[Face, ...]:
    """Noto Sans of a weight for every script that a package has; Chinese, Japanese and Korean are bold only."""
    western = "files/NotoSans-Italic[wdth,wght].ttf" if italic else "files/NotoSans[wdth,wght].ttf"
    return (
        Face("Noto Sans", "fontpkg_noto_sans", western, (weight, width)),
        *(
            Face(
                f"Noto Sans {script}",
                package,
                f"fonts/ofl/notosans{script.lower()}/NotoSans{script}[wdth,wght].ttf",
                (weight, width),
            )
            for script, package in _SCRIPTS
        ),
        Face("Noto Sans CJK JP", "noto_cjk_sans_jp_bold", "NotoSansCJKjp-Bold.otf"),
    )


FACES: dict[Role, tuple[Face, ...]] = {
    "display": (Face("Fjalla One", "font_fjallaone", "files/FjallaOne-Regular.ttf"), *_noto(800, CONDENSED)),
    "grotesk": (_hat("Black"), _manrope("ExtraBold"), *_noto(900)),
    "title": (_pro("Black"), *_noto(900)),
    "italic": (_pro("LightIt"), _pro("Light"), *_noto(300, italic=True)),
    "caption": (_manrope("Bold"), *_noto(700)),
    "label": (_hat("Bold"), _manrope("Bold"), *_noto(600)),
}
"""The faces of each role, the preferred one first; the last ones carry the scripts that design faces lack."""
