"""Runs the analyzer alone: `python -m services.analyzer`."""

from libs.runtime.run import start
from services.analyzer.app import NAME, create_app
from services.analyzer.settings import AnalyzerSettings

if __name__ == "__main__":
    start(NAME, AnalyzerSettings, create_app)
