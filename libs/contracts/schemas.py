"""JSON Schemas of the documents that people and programs may read: written to docs/schemas."""

from __future__ import annotations

from typing import Any

import msgspec

from libs.contracts.analysis import Analysis
from libs.contracts.check import Check
from libs.contracts.manifest import Manifest
from libs.contracts.report import Report
from libs.contracts.scripts import Narration
from libs.contracts.storyboard import Storyboard

DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "analysis": Analysis,
    "storyboard": Storyboard,
    "report": Report,
    "narration": Narration,
    "manifest": Manifest,
    "check": Check,
}


def document_schema(name: str) -> dict[str, Any]:
    """The schema of one document, as a JSON object (2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Beatloom {name}",
        **msgspec.json.schema(DOCUMENTS[name]),
    }
