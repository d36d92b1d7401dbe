"""Runs the generator alone: `python -m services.generator`."""

import os

from libs.runtime.run import run

from libs.runtime.settings import load
from services.generator.app import create_app
from services.generator.settings import GeneratorSettings

if __name__ == "__main__":
    settings = load(GeneratorSettings, "generator", os.environ)
    run(create_app(settings), settings.host, settings.port, settings.shared.shutdown_grace_s)
