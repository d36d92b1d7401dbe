"""Runs the generator alone: `python -m services.generator`."""

from libs.runtime.run import start
from services.generator.app import NAME, create_app
from services.generator.settings import GeneratorSettings

if __name__ == "__main__":
    start(NAME, GeneratorSettings, create_app)
