"""Runs the notifier alone: `python -m services.notifier`."""

import os

from litestar import Litestar

from libs.runtime.run import main
from libs.runtime.settings import load
from libs.telemetry.logging import configure
from services.notifier.app import NAME, create_app
from services.notifier.settings import NotifierSettings


def build() -> tuple[Litestar, str, int, float]:
    """The notifier from the environment."""
    settings = load(NotifierSettings, NAME, os.environ)
    configure(NAME, settings.shared.log_level)
    return create_app(settings), settings.host, settings.port, settings.shared.shutdown_grace_s


if __name__ == "__main__":
    main(build)
