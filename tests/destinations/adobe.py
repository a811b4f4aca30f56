"""The smallest destination and target at Adobe, which the tests of its package bend."""

from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.exchange import Response
from pipeline.domain.change import Action, MembershipChange

AUDIENCE = "60ccea95-1435-4180-97a5-58af4aa285ab"
NAME = "vip-customers"
EMAIL = {"namespace": "email_lc_sha256", "from": "email"}
ANA = {"email": "ana@example.com", "phone": "+1 206 555 0100"}


def settings(**keys: object) -> AdobeSettings:
    return AdobeSettings.model_validate(
        {
            "kind": "adobe_external_audiences",
            "org_id": "org@AdobeOrg",
            "client_id": "client",
            "client_secret": "hush",
            "storage": {"kind": "folder", "path": "files"},
            **keys,
        }
    )


def target(**keys: object) -> AdobeTarget:
    said = {"destination": "adobe-prod", "external_audience_id": AUDIENCE, "identity": EMAIL}
    return AdobeTarget.model_validate({**said, **keys})


def change(action: Action = "add", **keys: object) -> MembershipChange:
    usual = MembershipChange(NAME, action, "u-1", "US", [ANA], None, 0)
    return usual._replace(**keys)  # type: ignore[arg-type]


def answer(status: int, body: bytes | str = b"", **keys: object) -> Response:
    raw = body.encode() if isinstance(body, str) else body
    return Response(status=status, headers={}, body=raw, **keys)  # type: ignore[arg-type]
