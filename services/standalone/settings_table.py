"""The settings of every service by its name: for the stack and for docs/configuration.md."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from services.analyzer.settings import AnalyzerSettings
from services.composer.settings import ComposerSettings
from services.generator.settings import GeneratorSettings
from services.ingest.settings import IngestSettings
from services.notifier.settings import NotifierSettings
from services.planner.settings import PlannerSettings
from services.standalone.settings import StandaloneSettings

SETTINGS: Mapping[str, type[msgspec.Struct]] = {
    "ingest": IngestSettings,
    "analyzer": AnalyzerSettings,
    "planner": PlannerSettings,
    "generator": GeneratorSettings,
    "composer": ComposerSettings,
    "notifier": NotifierSettings,
    "standalone": StandaloneSettings,
}
