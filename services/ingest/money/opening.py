"""The treasury of an installation, as its settings say."""

from __future__ import annotations

from libs.money.amounts import Micros, micros_of
from services.ingest.database import Database
from services.ingest.money.budgets import Caps
from services.ingest.money.learning import Learning
from services.ingest.money.treasury import Treasury
from services.ingest.settings import IngestSettings
from services.ingest.webhooks.records import Standing

JOB_CAP, MONTH_CAP = 20.0, 50.0
"""Where there is a login and the settings say nothing."""


def treasury_of(
    settings: IngestSettings, database: Database, standing: Standing | None, *, login: bool
) -> Treasury:
    """What things cost here, and how much may be spent. login: whether users log in."""
    caps = Caps(
        job=_cap(settings.job_cap, JOB_CAP if login else 0.0),
        month=_cap(settings.month_cap, MONTH_CAP if login else 0.0),
    )
    return Treasury(
        database,
        figures=learning_of(settings, database).figures,
        caps=caps,
        currency=settings.shared.currency,
        standing=standing,
        users_approve=settings.approval == "user",
    )


def learning_of(settings: IngestSettings, database: Database) -> Learning:
    """What work takes here. Raises Permanent("bad_setting")."""
    return Learning(database, settings.shared.prices(), clip_gpu_s=settings.clip_gpu_s)


def _cap(told: float | None, usual: float) -> Micros | None:
    cap = usual if told is None else told
    return micros_of(cap) if cap else None
