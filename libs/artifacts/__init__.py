"""Artifacts: one object store protocol, a folder or S3 behind it, and the records that make results reusable."""

from libs.artifacts.open import open_store
from libs.artifacts.store import ArtifactStore, StoredObject

__all__ = ["ArtifactStore", "StoredObject", "open_store"]
