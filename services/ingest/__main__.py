"""Runs ingest alone: `python -m services.ingest`."""

from libs.runtime.run import start
from services.ingest.app import NAME, create_app
from services.ingest.settings import IngestSettings

if __name__ == "__main__":
    start(NAME, IngestSettings, create_app)
