"""The Data Landing Zone: storage that Adobe provides, and its credentials.

We ask for the credentials only with GET, which renews expired ones. Another request would renew
them early, and at once make the credentials of all other users useless.
"""

from collections.abc import Mapping
from urllib.parse import parse_qs

from pipeline.destinations.adobe_audiences.errors import detail, is_page
from pipeline.destinations.adobe_audiences.requests import composed
from pipeline.destinations.adobe_audiences.runs import not_yet, seconds
from pipeline.destinations.exchange import Request, Response, document
from pipeline.destinations.other_answers import other_answer
from pipeline.destinations.partner_words import scalar_text
from pipeline.destinations.snapshots import LandingZone
from pipeline.domain.job import NotYet
from pipeline.domain.send_result import Blocked

PATH = "/data/foundation/connectors/landingzone/credentials"


def compose_landing_zone() -> Request:
    """GET of the credentials of the sandbox's own zone."""
    return composed("landing zone", "GET", PATH, query={"type": "user_drop_zone"})


def interpret_landing_zone(response: Response) -> LandingZone | Blocked | NotYet:
    """The zone, on Azure or on AWS as the sandbox is hosted."""
    if response.status == 429 or response.status == 408 or response.status >= 500:
        return not_yet(response)
    if response.status != 200:
        said = other_answer(response, detail(response))
        return said if isinstance(said, Blocked) else NotYet(said.detail, said.wait)
    body = None if is_page(response) else document(response.body)
    zone = None if not isinstance(body, dict) else _azure(body) or _aws(body)
    if zone is None or response.body_trouble is not None:
        return NotYet(f"200, but not a landing zone: {response.body_trouble or 'another body'}")
    return zone


def _azure(said: Mapping[str, object]) -> LandingZone | None:
    match said:
        case {
            "containerName": str(container),
            "SASToken": str(token),
            "storageAccountName": str(account),
        } if container and token and account:
            return LandingZone(
                kind="azure",
                container=container,
                folder="",
                credentials={"account": account, "sas_token": token.lstrip("?")},
                expires_s=seconds(said.get("expiryDate")) or _expiry_of(token),
            )
        case _:
            return None


def _aws(said: Mapping[str, object]) -> LandingZone | None:
    match said:
        case {
            "credentials": {
                "awsAccessKeyId": str(key),
                "awsSecretAccessKey": str(secret),
                "awsSessionToken": str(session),
            },
            "dlzPath": {"bucketName": str(bucket), "dlzFolder": folder},
        } if key and secret and bucket:
            return LandingZone(
                kind="s3",
                container=bucket,
                folder=scalar_text(folder).strip("/"),
                credentials={
                    "access_key_id": key,
                    "secret_access_key": secret,
                    "session_token": session,
                },
                expires_s=seconds(said.get("expiryTime")),
            )
        case _:
            return None


def _expiry_of(token: str) -> float | None:
    """When a signature expires, from the signature itself."""
    said = parse_qs(token.lstrip("?")).get("se", [""])
    return seconds(said[0])
