"""Runs the notifier alone: `python -m services.notifier`."""

from libs.runtime.run import start
from services.notifier.app import NAME, create_app
from services.notifier.settings import NotifierSettings

if __name__ == "__main__":
    start(NAME, NotifierSettings, create_app)
