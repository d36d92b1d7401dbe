"""What output nodes leave behind: files in the folders of a server, and the entries that name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fakes.comfyui import media as making
from tests.fakes.comfyui.meaning import Media
from tests.fakes.comfyui.switches import Switches

Output = dict[str, list[Any]]

_ANIMATED = {"SaveWEBM": ".webm", "SaveAnimatedWEBP": ".webp", "SaveVideo": ".mp4"}
_SOUND = {"SaveAudio": ".flac", "SaveAudioAdvanced": ".flac", "SaveAudioMP3": ".mp3", "SaveAudioOpus": ".opus",
          "PreviewAudio": ".flac"}  # fmt: skip
_STILL = ("SaveImage", "SaveImageAdvanced", "PreviewImage", "MaskPreview", "SaveAnimatedPNG")
_TEMP = ("PreviewImage", "MaskPreview", "PreviewAudio")


def save(
    node_class: str,
    inputs: Mapping[str, Any],
    folder: Path,
    temp_word: str,
    metadata: dict[str, Any],
    how: Switches,
) -> Output | None:
    """Write the files of an output node under `folder`; None for a node that shows nothing."""
    if node_class == "PreviewAny":
        return {"text": [str(inputs.get("source", ""))]}
    media = next((value for value in inputs.values() if isinstance(value, Media)), Media())
    kind = "temp" if node_class in _TEMP else "output"
    prefix = f"ComfyUI_temp_{temp_word}" if kind == "temp" else str(inputs.get("filename_prefix") or "ComfyUI")
    subfolder, _, stem = prefix.rpartition("/")
    into = folder / kind / subfolder
    into.mkdir(parents=True, exist_ok=True)
    if node_class in _SOUND:
        names = [_next_names(into, stem, "", _SOUND[node_class], 1)[0]] if how.bad_output != "none" else []
        for name in names:
            _write(into / name, media, metadata, how)
        return {"audio": [_entry(name, subfolder, kind) for name in names]}
    if node_class not in _ANIMATED and node_class not in _STILL:
        return None
    media = _spoilt(media if media.frames else media._replace(width=512, height=512, frames=1), how)
    if node_class in _ANIMATED:
        suffix = ".webm" if inputs.get("format") == "webm" else _ANIMATED[node_class]
        names = _next_names(into, stem, "_", suffix, 1 if media.frames else 0)
        for name in names:
            _write(into / name, media, metadata, how)
        return {"images": [_entry(name, subfolder, kind) for name in names], "animated": [True]}
    names = _next_names(into, stem, "_", ".png", media.frames)
    look = _look(how)
    for name, frame in zip(names, making.frames(media, look), strict=True):
        making.save_png(into / name, frame, metadata)
        _spoil(into / name, how)
    return {"images": [_entry(name, subfolder, kind) for name in names]}


def _look(how: Switches) -> making.Look:
    match how.bad_output:
        case "black" | "frozen" as look:
            return look
    return ""


def _spoilt(media: Media, how: Switches) -> Media:
    match how.bad_output:
        case "short":
            return media._replace(frames=max(media.frames // 2, 1))
        case "none":
            return media._replace(frames=0)
        case "size":
            return media._replace(width=max(media.width // 2, 2), height=max(media.height // 2, 2))
    return media


def _write(file: Path, media: Media, metadata: dict[str, Any], how: Switches) -> None:
    look = _look(how)
    if file.suffix in _SOUND.values():
        making.save_sound(file, media, metadata, look)
    elif file.suffix == ".webp":
        making.save_webp(file, media, look)
    else:
        making.save_video(file, media, metadata, look, light=how.light_files)
    _spoil(file, how)


def _spoil(file: Path, how: Switches) -> None:
    size = file.stat().st_size
    if how.bad_output == "garbage":
        file.write_bytes(b"\0garbage" * (size // 8))
    if how.truncate_file:
        with file.open("r+b") as handle:
            handle.truncate(size // 2)


def _entry(name: str, subfolder: str, kind: str) -> dict[str, str]:
    return {"filename": name, "subfolder": subfolder, "type": kind}


def _next_names(folder: Path, stem: str, tail: str, suffix: str, count: int) -> list[str]:
    """`stem_00001_.png` and on, after the highest number that is there."""
    pattern = re.compile(re.escape(stem) + r"_(\d{5})_?\.")
    taken = [int(found.group(1)) for file in folder.iterdir() if (found := pattern.match(file.name))]
    first = max(taken, default=0) + 1
    return [f"{stem}_{number:05}{tail}{suffix}" for number in range(first, first + count)]
