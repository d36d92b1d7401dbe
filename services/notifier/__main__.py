"""Runs the notifier alone: `python -m services.notifier`."""

import os

from libs.runtime.run import run

from libs.runtime.settings import load
from services.notifier.app import create_app
from services.notifier.settings import NotifierSettings

if __name__ == "__main__":
    settings = load(NotifierSettings, "notifier", os.environ)
    run(create_app(settings), settings.host, settings.port, settings.shared.shutdown_grace_s)
