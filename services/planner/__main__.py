"""Runs the planner alone: `python -m services.planner`."""

from libs.runtime.run import start
from services.planner.app import NAME, create_app
from services.planner.settings import PlannerSettings

if __name__ == "__main__":
    start(NAME, PlannerSettings, create_app)
