"""What `check --online` finds about a storage."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.destinations.storage_settings import FolderSettings, S3Settings, StorageSettings
from pipeline.sandbox.server_process import free_port
from pipeline.storage.online_check import storage_findings
from pipeline.storage.opening import opened
from pipeline.storage.request_signature import signed_headers
from pipeline.storage.unfinished_uploads import aborts, unfinished_uploads
from tests.servers.object_stores import S3PROXY_KEY_ID, S3PROXY_SECRET
from tests.storage.places import (
    PREFIX,
    Place,
    http,
    no_landing_zone,
    s3_place,
    s3_settings,
)

pytestmark = pytest.mark.storage

NOW = datetime(2026, 11, 27, tzinfo=UTC).timestamp()
STORED = "adobe: storage: a file was stored, listed and deleted"
RULES = """<LifecycleConfiguration><Rule><ID>{name}</ID><Filter><Prefix>{prefix}</Prefix></Filter>
<Status>{status}</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>1
</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>"""


def rules(*, prefix: str = "", status: str = "Enabled") -> str:
    return RULES.format(name="abort", prefix=prefix, status=status)


async def lines(settings: StorageSettings, *, is_bad: bool = False) -> list[str]:
    storage = opened(settings, landing_zone=no_landing_zone, clock=time.time)
    found = await storage_findings(storage, settings, name="adobe", clock_s=NOW)
    assert any(finding.is_bad for finding in found) == is_bad
    return [finding.text for finding in found]


async def test_a_storage_that_works_keeps_nothing_of_the_question(place: Place) -> None:
    assert (await lines(place.settings))[0] == STORED

    assert not await place.storage().files("audience-pipeline-check")


async def test_a_storage_that_is_away_is_a_finding_and_no_crash() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"

    [line] = await lines(s3_settings(nobody, "bucket", region="x"), is_bad=True)

    assert line == ("adobe: storage: bucket bucket: it refuses connections; check address and port")


async def test_files_that_are_dated_by_another_clock_are_found(tmp_path: Path) -> None:
    """
    The window of a run goes by the file's time, and when to ask for it by the clock.
    """
    settings = FolderSettings(kind="folder", path=tmp_path)
    storage = opened(settings, landing_zone=no_landing_zone, clock=lambda: 1000.0)

    found = await storage_findings(storage, settings, name="adobe", clock_s=NOW)

    assert found[-1].is_bad
    assert "s from the storage's own clock; the partner would miss files" in found[-1].text


async def test_a_bucket_that_keeps_unfinished_uploads_for_ever_is_found(s3: str, name: str) -> None:
    place = s3_place(s3, name)

    [_, line] = await lines(place.settings)

    assert f"warning: bucket {name} has no rule that aborts unfinished uploads: give it a" in line


async def test_a_bucket_that_forgets_them_is_told_from_it(s3: str, name: str) -> None:
    place = s3_place(s3, name)
    await asyncio.to_thread(http, "PUT", f"{s3}/{name}?lifecycle", rules(prefix=PREFIX).encode())

    [_, line] = await lines(place.settings)

    assert line == f"adobe: storage: bucket {name}: a rule aborts uploads that stay unfinished"


async def test_keys_of_the_environment_cannot_ask() -> None:
    settings = S3Settings(kind="s3", bucket="bucket", region="x")

    finding = await unfinished_uploads(settings, clock_s=NOW)

    assert finding is not None
    assert "could not be asked for its rules (keys of the environment): give it a" in finding.text


async def test_the_signature_of_the_question_is_accepted(careful_s3: str) -> None:
    """
    This server knows no such rules, and says so to who may ask.
    """
    right = s3_settings(
        careful_s3,
        "bucket",
        access_key_id=S3PROXY_KEY_ID,
        secret_access_key=S3PROXY_SECRET,
        region="us-east-1",
    )
    wrong = right.model_copy(update={"access_key_id": "another"})
    now_s = datetime.now(UTC).timestamp()

    accepted = await unfinished_uploads(right, clock_s=now_s)
    refused = await unfinished_uploads(wrong, clock_s=now_s)

    assert accepted is not None
    assert refused is not None
    assert "403" not in accepted.text
    assert "it answers 403" in refused.text


def test_a_request_is_signed_as_the_documentation_of_s3_does_it() -> None:
    """
    Its example of a signature in a header, "GET Bucket Lifecycle".
    """
    headers = signed_headers(
        "https://examplebucket.s3.amazonaws.com/?lifecycle",
        region="us-east-1",
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )

    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (rules(), True),
        (rules(prefix=PREFIX), True),
        (rules(prefix="from/"), True),
        (rules(prefix="from/others"), False),
        (rules(status="Disabled"), False),
        (rules().replace("AbortIncompleteMultipartUpload", "Expiration"), False),
        (rules(status="Disabled") + rules(), True),
        ("<LifecycleConfiguration/>", False),
    ],
)
def test_only_a_rule_that_covers_our_files_counts(said: str, expected: bool) -> None:
    assert aborts(said, PREFIX) == expected
