"""Runs the planner alone: `python -m services.planner`."""

import os

from libs.runtime.run import run
from libs.runtime.settings import load
from services.planner.app import create_app
from services.planner.settings import PlannerSettings

if __name__ == "__main__":
    settings = load(PlannerSettings, "planner", os.environ)
    run(create_app(settings), settings.host, settings.port, settings.shared.shutdown_grace_s)
