"""Runs the composer alone: `python -m services.composer`."""

import os

from litestar import Litestar

from libs.runtime.run import main
from libs.runtime.settings import load
from libs.telemetry.logging import configure
from services.composer.app import NAME, create_app
from services.composer.settings import ComposerSettings


def build() -> tuple[Litestar, str, int, float]:
    """The composer from the environment."""
    settings = load(ComposerSettings, NAME, os.environ)
    configure(NAME, settings.shared.log_level)
    return create_app(settings), settings.host, settings.port, settings.shared.shutdown_grace_s


if __name__ == "__main__":
    main(build)
