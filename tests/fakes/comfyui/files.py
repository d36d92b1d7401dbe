"""/view and /upload: the files of a server over HTTP."""

from __future__ import annotations

import hashlib
import io
import mimetypes
import re
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

from multipart import MultipartError, MultipartParser, parse_options_header  # type: ignore[import-untyped]  # it ships no types
from PIL import Image

from tests.fakes.comfyui.http import Answer, Request, trouble

_KINDS = ("input", "output", "temp")
mimetypes.add_type("audio/flac", ".flac")
mimetypes.add_type("audio/opus", ".opus")
mimetypes.add_type("image/webp", ".webp")


def view(folder: Path, request: Request, *, cut: bool) -> Answer:
    """A file, whole or a range of it; with `cut` the connection breaks half-way."""
    query = request.query
    if "filename" not in query:
        return Answer(404)
    name = query["filename"]
    kind = query.get("type", "output")
    if annotated := re.fullmatch(r"(.+) \[(input|output|temp)\]", name):
        name, kind = annotated.groups()
    if not name or name.startswith("/") or ".." in name or kind not in _KINDS:
        return Answer(400)
    root = (folder / kind).resolve()
    place = (root / query.get("subfolder", "")).resolve()
    if not place.is_relative_to(root):
        return Answer(403)
    file = place / Path(name).name
    if not file.is_file():
        return Answer(404)
    if "preview" in query or query.get("channel", "rgba") != "rgba":
        return _converted(file, query.get("preview", ""))
    return _ranged(file, request, cut=cut)


def _converted(file: Path, preview: str) -> Answer:
    chosen = preview.partition(";")[0] or "png"
    data = io.BytesIO()
    with Image.open(file) as picture:
        picture.convert("RGB").save(data, chosen)
    headers = {"content-type": f"image/{chosen}", "content-disposition": f'filename="{file.name}"'}
    return Answer(200, data.getvalue(), headers)


def _ranged(file: Path, request: Request, *, cut: bool) -> Answer:
    body = file.read_bytes()
    stat = file.stat()
    tag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    headers = {
        "content-type": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        "content-disposition": f'filename="{file.name}"',
        "x-content-type-options": "nosniff",
        "etag": tag,
        "last-modified": formatdate(stat.st_mtime, usegmt=True),
        "accept-ranges": "bytes",
    }
    wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    status = 200
    if wanted and request.headers.get("if-range", tag) in (tag, headers["last-modified"]):
        first, last = _bounds(wanted.group(1), wanted.group(2), len(body))
        if first > last:
            return Answer(416, b"", {**headers, "content-range": f"bytes */{len(body)}"})
        headers["content-range"] = f"bytes {first}-{last}/{len(body)}"
        body = body[first : last + 1]
        status = 206
    return Answer(status, body, headers, cut_at=len(body) // 2 if cut else -1)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(size - int(last or 0), 0), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


def upload(folder: Path, request: Request, *, rename: bool) -> Answer:
    """Keep a file; another of that name is left alone, and this one gets a number."""
    try:
        parts = _parts(request)
    except (MultipartError, KeyError, ValueError):
        return Answer(400)
    if "image" not in parts or not parts["image"][0]:
        return Answer(400)
    name, data = parts["image"]
    fields = {key: value.decode() for key, (_, value) in parts.items() if key != "image"}
    kind, subfolder = fields.get("type", "input"), fields.get("subfolder", "")
    if kind not in _KINDS:
        return trouble()
    root = (folder / kind).resolve()
    place = (root / subfolder).resolve()
    if not place.is_relative_to(root):
        return Answer(400)
    place.mkdir(parents=True, exist_ok=True)
    name = quote(name, safe=" ()[]!#$&'+,-.;=@^_`{}~") if "/" in name else name
    if fields.get("overwrite") not in ("true", "1"):
        name = _free_name(place, name, data, rename=rename)
    (place / name).write_bytes(data)
    return Answer.of({"name": name, "subfolder": subfolder, "type": kind})


def _parts(request: Request) -> dict[str, tuple[str, bytes]]:
    kind, options = parse_options_header(request.headers["content-type"])
    if kind != "multipart/form-data":
        raise ValueError(kind)
    found = {}
    for part in MultipartParser(io.BytesIO(request.body), options["boundary"]):
        found[part.name] = (part.filename or "", part.raw)
    return found


def _free_name(place: Path, name: str, data: bytes, *, rename: bool) -> str:
    stem, suffix = Path(name).stem, Path(name).suffix
    number = 0
    candidate = f"{stem} (1){suffix}" if rename else name
    while (place / candidate).exists():
        if _digest((place / candidate).read_bytes()) == _digest(data):
            break
        number += 1
        candidate = f"{stem} ({number}){suffix}"
    return candidate


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
