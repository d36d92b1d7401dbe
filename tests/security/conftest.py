"""The API as it runs, for those who mean harm."""

from tests.integration.ingest.conftest import api

__all__ = ["api"]
