"""What a scene shows in words, for backends that draw from text. Pure."""

from __future__ import annotations

NEGATIVE = (
    "text, watermark, logo, signature, frame, border, blurry, low resolution, jpeg artifacts, "
    "deformed hands, extra fingers, distorted face"
)
_PLACES = {
    "intro": "establishing shot, wide, quiet opening",
    "verse": "medium shot, unfolding story",
    "chorus": "striking hero shot, bold composition",
    "bridge": "unexpected angle, change of scenery",
    "outro": "wide closing shot, fading away",
    "part": "medium shot",
}
_MOODS = ((0.35, "calm, soft light"), (0.65, "steady, warm contrast"), (0.85, "lively, vivid light"))
_LOUDEST = "intense, dramatic light, high energy"


def scene_prompt(wish: str, label: str, energy: float, *, has_image: bool) -> str:
    """What the picture shows, for a model that draws from text."""
    mood = next((text for limit, text in _MOODS if energy < limit), _LOUDEST)
    subject = wish.strip() or ("the theme picture's subject" if has_image else "abstract music visual")
    return f"{subject}, {_PLACES.get(label, _PLACES['part'])}, {mood}"
