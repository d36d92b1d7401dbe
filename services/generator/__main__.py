"""Runs the generator alone: `python -m services.generator`."""

import os

from litestar import Litestar

from libs.runtime.run import main
from libs.runtime.settings import load
from libs.telemetry.logging import configure
from services.generator.app import NAME, create_app
from services.generator.settings import GeneratorSettings


def build() -> tuple[Litestar, str, int, float]:
    """The generator from the environment."""
    settings = load(GeneratorSettings, NAME, os.environ)
    configure(NAME, settings.shared.log_level)
    return create_app(settings), settings.host, settings.port, settings.shared.shutdown_grace_s


if __name__ == "__main__":
    main(build)
