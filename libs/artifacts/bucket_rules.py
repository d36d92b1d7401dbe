"""What an S3 server removes from our bucket by itself: a second broom behind the sweeper, for what it can't see."""

from __future__ import annotations

from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.error import MinioException, S3Error
from minio.lifecycleconfig import AbortIncompleteMultipartUpload, Expiration, LifecycleConfig, Rule

_OURS = "beatloom-"


def set_rules(client: Minio, bucket: str, prefix: str, days: int) -> str:
    """Let the server remove objects below a prefix, and parts of uploads that were never finished, after so many
    days. Done again, it changes nothing.

    Returns why the server has no such rules, for people; "" when it has them. Rules of others are never touched,
    and a bucket that has some gets none of ours: S3 knows only all rules at once.
    """
    wanted = [
        Rule(
            status=ENABLED,
            rule_filter=Filter(prefix=prefix),
            rule_id=f"{_OURS}{prefix.strip('/')}",
            expiration=Expiration(days=days),
        ),
        Rule(
            status=ENABLED,
            rule_filter=Filter(prefix=""),
            rule_id=f"{_OURS}unfinished",
            abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(days_after_initiation=days),
        ),
    ]
    kinds = [wanted, wanted[:1]]  # not every server knows the second; some do by themselves what it says
    try:
        found = client.get_bucket_lifecycle(bucket)
        standing = list(found.rules) if found is not None else []
        if any(not (rule.rule_id or "").startswith(_OURS) for rule in standing):
            return "the bucket has rules of its own"
        if standing in kinds:
            return ""
        return _set_first(client, bucket, kinds)
    except S3Error as error:
        return f"the server answered {error.code}"
    except MinioException as error:
        return f"the server's answer can't be read ({type(error).__name__})"


def _set_first(client: Minio, bucket: str, kinds: list[list[Rule]]) -> str:
    """Set the first that the server takes. Raises MinioException when it takes none."""
    for rules in kinds[:-1]:
        try:
            client.set_bucket_lifecycle(bucket, LifecycleConfig(rules))
        except MinioException:
            continue
        return ""
    client.set_bucket_lifecycle(bucket, LifecycleConfig(kinds[-1]))
    return ""
