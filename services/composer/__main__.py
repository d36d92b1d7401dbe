"""Runs the composer alone: `python -m services.composer`."""

from libs.runtime.run import start
from services.composer.app import NAME, create_app
from services.composer.settings import ComposerSettings

if __name__ == "__main__":
    start(NAME, ComposerSettings, create_app)
