"""Checks whether a bucket deletes unfinished uploads of killed processes, which cost money."""

import asyncio
import re
from datetime import UTC, datetime

from pipeline.destinations.control import Finding
from pipeline.destinations.storage_settings import GcsSettings, S3Settings, StorageSettings
from pipeline.settings.secrets import secret
from pipeline.storage.object_stores import bucket_region, s3_address
from pipeline.storage.request_signature import signed_headers
from pipeline.storage.server_answer import Answer, answer

_RULE = re.compile(r"<Rule>(.*?)</Rule>", re.DOTALL)
_PREFIX = re.compile(r"<Prefix>(.*?)</Prefix>", re.DOTALL)
_ABORTS = "AbortIncompleteMultipartUpload"
_ADVICE = (
    f"give it a lifecycle rule with {_ABORTS} after 1 day, or the parts of killed uploads "
    "are stored, and cost money, for ever"
)


async def unfinished_uploads(settings: StorageSettings, *, clock_s: float) -> Finding | None:
    """Return a finding; None: nothing stays for ever. `clock_s` (our time) signs the request."""
    match settings:
        case S3Settings():
            return await _of_bucket(settings, clock_s)
        case GcsSettings():
            return Finding(
                f"warning: bucket {settings.bucket} was not asked for its rules: {_ADVICE}"
            )
        case _:
            # Azure deletes them after a week, the partner cleans its own zone, we sweep files.
            return None


def aborts(rules: str, prefix: str) -> bool:
    """Whether an enabled rule of this lifecycle configuration (XML of S3) covers the prefix."""
    return any(
        "<Status>Enabled</Status>" in rule and _ABORTS in rule and _covers(rule, prefix)
        for rule in _RULE.findall(rules)
    )


def _covers(rule: str, prefix: str) -> bool:
    return all(prefix.startswith(found.strip("/")) for found in _PREFIX.findall(rule))


async def _of_bucket(settings: S3Settings, clock_s: float) -> Finding:
    place = f"bucket {settings.bucket}"
    asked = await _asked(settings, clock_s)
    if asked is None or asked.status not in {200, 404}:
        why = "keys of the environment" if asked is None else f"it answers {asked.status}"
        return Finding(f"warning: {place} could not be asked for its rules ({why}): {_ADVICE}")
    if asked.status == 200 and aborts(asked.text, settings.prefix):
        return Finding(f"{place}: a rule aborts uploads that stay unfinished")
    return Finding(f"warning: {place} has no rule that aborts unfinished uploads: {_ADVICE}")


async def _asked(settings: S3Settings, clock_s: float) -> Answer | None:
    key = secret(settings.secret_access_key, settings.secret_access_key_file)
    if key is None or settings.access_key_id is None:
        return None
    region = settings.region or await bucket_region(settings.bucket, settings.endpoint_url)
    endpoint = settings.endpoint_url or f"https://s3.{region}.amazonaws.com"
    url = f"{s3_address(settings.bucket, endpoint)}?lifecycle"
    headers = signed_headers(
        url,
        region=region,
        access_key_id=settings.access_key_id,
        secret_access_key=await asyncio.to_thread(key.read),
        now=datetime.fromtimestamp(clock_s, tz=UTC),
    )
    return await answer("GET", url, headers)
