"""Runs the analyzer alone: `python -m services.analyzer`."""

import os

from libs.runtime.run import run
from libs.runtime.settings import load
from services.analyzer.app import create_app
from services.analyzer.settings import AnalyzerSettings

if __name__ == "__main__":
    settings = load(AnalyzerSettings, "analyzer", os.environ)
    run(create_app(settings), settings.host, settings.port, settings.shared.shutdown_grace_s)
