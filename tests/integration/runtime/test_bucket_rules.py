"""What a real S3 server is asked to remove by itself."""

import logging
from pathlib import Path

import pytest
from minio.commonconfig import ENABLED, Filter
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule

from libs.artifacts import open_store
from libs.contracts.errors import Retryable
from services.ingest.database import Database
from services.ingest.sweeper import Sweeper
from tests.servers.s3 import S3Server

THEIRS = Rule(status=ENABLED, rule_filter=Filter(prefix="logs/"), rule_id="logs", expiration=Expiration(days=9))


def rules(server: S3Server, bucket: str) -> list[tuple[str | None, str | None]]:
    """Names and prefixes of the rules that stand."""
    found = server.client.get_bucket_lifecycle(bucket)
    standing = list(found.rules) if found is not None else []
    return [(rule.rule_id, rule.rule_filter.prefix if rule.rule_filter else None) for rule in standing]


async def test_the_server_removes_what_never_came_to_its_end(s3_server: S3Server) -> None:
    bucket = s3_server.new_bucket()
    ours = [("beatloom-incoming", "incoming/"), ("beatloom-unfinished", "")]
    for _ in range(2):
        assert await open_store(s3_server.url(bucket)).remove_by_itself("incoming/", 2) == ""
        assert rules(s3_server, bucket) == ours
    assert await open_store(s3_server.url(bucket)).remove_by_itself("incoming/", 3) == ""
    found = s3_server.client.get_bucket_lifecycle(bucket)
    assert found is not None
    assert [rule.expiration.days for rule in found.rules if rule.expiration] == [3]


async def test_rules_of_others_stay_as_they_are(s3_server: S3Server) -> None:
    bucket = s3_server.new_bucket()
    s3_server.client.set_bucket_lifecycle(bucket, LifecycleConfig([THEIRS]))
    told = await open_store(s3_server.url(bucket)).remove_by_itself("incoming/", 2)
    assert told == "the bucket has rules of its own"
    assert rules(s3_server, bucket) == [("logs", "logs/")]


async def test_a_server_that_refuses_is_a_warning(
    s3_server: S3Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/ledger.db")
    await database.migrate()
    bucket = s3_server.new_bucket()
    readers = s3_server.url(bucket).replace(s3_server.secret_key, "another")
    sweeper = Sweeper(database, open_store(readers), wake=lambda: None, bucket_rules=True)
    with caplog.at_level(logging.WARNING), pytest.raises(Retryable):  # the listing after it is refused as well
        await sweeper.remove()
    told = (
        "the artifact store removes nothing by itself: the server answered SignatureDoesNotMatch; the sweeper does"
    )
    assert told in caplog.messages
    assert rules(s3_server, bucket) == []
    await database.close()
