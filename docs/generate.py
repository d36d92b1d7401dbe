"""Writes the pages that come from the code, or with --check says which are not current."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from libs.contracts.codes import CODES
from libs.contracts.looks import catalogue_json
from libs.contracts.schemas import DOCUMENTS, document_schema
from libs.runtime.configuration import configuration_page
from services.generator.builtin.looks import all_looks
from services.generator.comfyui.library import load_library
from services.generator.comfyui.workflows_page import workflows_page
from services.ingest.events_page import events_page
from services.standalone.settings_table import SETTINGS

DOCS = Path(__file__).resolve().parent
CATALOGUE = DOCS.parent / "libs" / "contracts" / "looks.json"


def errors_page() -> str:
    """The table of error codes."""
    rows = "\n".join(f"| `{slug}` | {code.status} | {code.title} | {code.hint} |" for slug, code in CODES.items())
    return (
        "# Error codes\n\nGenerated from `libs/contracts/codes.py`. A code is never renamed.\n\n"
        f"| code | HTTP | meaning | what to do |\n| --- | --- | --- | --- |\n{rows}\n"
    )


def pages() -> dict[Path, str]:
    """Every generated page: its path and its text."""
    found = {
        DOCS / "errors.md": errors_page(),
        DOCS / "configuration.md": configuration_page(SETTINGS),
        DOCS / "events.md": events_page(),
        DOCS / "workflows.md": workflows_page(load_library()),
        CATALOGUE: catalogue_json([look.entry for look in all_looks().values()]),
    }
    for name in DOCUMENTS:
        schema = msgspec.json.format(msgspec.json.encode(document_schema(name)), indent=2).decode()
        found[DOCS / "schemas" / f"{name}.v1.json"] = schema + "\n"
    return found


def main() -> int:
    """Write, or check. Returns the exit code."""
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"not current: {path.relative_to(DOCS.parent)}; run `make docs`\n")
        return 1 if stale else 0
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    sys.stdout.write(f"{len(stale)} page(s) written\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
