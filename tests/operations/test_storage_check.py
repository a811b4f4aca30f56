"""`check --online` stores a file where the snapshots go, before a run finds out that it cannot."""

from pathlib import Path

from pipeline.configuration.load import load
from pipeline.destinations.control import Finding
from pipeline.destinations.exchange import Request, Response
from pipeline.domain.send_result import Blocked, InDoubt, NotSent
from pipeline.operations.storage_check import storages
from tests.configuration.test_example_files import Example

DESTINATION: dict[str, object] = {
    "kind": "adobe_external_audiences",
    "org_id": "ORG@AdobeOrg",
    "client_id": "client",
    "client_secret": "hush-client",
}


class Partner:
    """Answers everything the same."""

    destination = "adobe-prod"

    def __init__(self, answer: Response | NotSent) -> None:
        self._answer = answer

    async def call(self, request: Request) -> Response | NotSent | InDoubt | Blocked:
        return self._answer


AWAY = Partner(NotSent("nothing answers"))
REFUSES = Partner(Response(status=403, headers={}, body=b"{}"))


async def findings(folder: Path, storage: dict[str, object], partner: Partner) -> list[Finding]:
    example = Example().put("destinations.adobe-prod", {**DESTINATION, "storage": storage})
    settings = load(example.write(folder), {})
    return [one async for one in storages(settings, {"adobe-prod": partner})]


async def test_a_storage_that_works_is_said_to_work(tmp_path: Path) -> None:
    storage: dict[str, object] = {"kind": "folder", "path": str(tmp_path / "files")}

    [finding] = await findings(tmp_path, storage, AWAY)

    assert finding == Finding(
        "destinations.adobe-prod: storage: a file was stored, listed and deleted"
    )


async def test_a_partner_that_lends_nothing_is_a_finding(tmp_path: Path) -> None:
    [refused] = await findings(tmp_path, {"kind": "landing_zone"}, REFUSES)
    [away] = await findings(tmp_path, {"kind": "landing_zone"}, AWAY)

    assert refused.is_bad
    assert away == Finding("destinations.adobe-prod: storage: nothing answers", is_bad=True)
