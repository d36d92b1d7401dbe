"""All tables of the ledger: who imports `metadata` from here has it whole."""

from __future__ import annotations

from services.ingest.access import tables as access
from services.ingest.accounts import tables as accounts
from services.ingest.money import figure_tables as figures
from services.ingest.money import tables as money
from services.ingest.my_data import tables as my_data
from services.ingest.operating import tables as operating
from services.ingest.projects import tables as projects
from services.ingest.tables import metadata
from services.ingest.uploads import tables as uploads
from services.ingest.webhooks import tables as webhooks

__all__ = [
    "access",
    "accounts",
    "figures",
    "metadata",
    "money",
    "my_data",
    "operating",
    "projects",
    "uploads",
    "webhooks",
]
