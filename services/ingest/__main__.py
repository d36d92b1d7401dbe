"""Runs ingest alone: `python -m services.ingest`."""

import os

from litestar import Litestar

from libs.runtime.run import main
from libs.runtime.settings import load
from libs.telemetry.logging import configure
from services.ingest.app import NAME, create_app
from services.ingest.settings import IngestSettings


def build() -> tuple[Litestar, str, int, float]:
    """Ingest from the environment."""
    settings = load(IngestSettings, NAME, os.environ)
    configure(NAME, settings.shared.log_level)
    return create_app(settings), settings.host, settings.port, settings.shared.shutdown_grace_s


if __name__ == "__main__":
    main(build)
