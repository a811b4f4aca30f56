"""The audience of two invented people that tests what absence from a file does."""

from hashlib import sha256

from pipeline.destinations.adobe_audiences.namespaces import ECID
from pipeline.destinations.adobe_audiences.targets import AdobeTarget

TTL_DAYS = 14
"""Long enough for both steps: members who expire would seem to be removed."""
DESCRIPTION = "Two invented people, to see what absence from a file does. May be deleted."
ECID_DIGITS = 38


def canary(target: AdobeTarget) -> tuple[AdobeTarget, tuple[str, str]]:
    """A new audience with the target's kind of identity, and two identities of nobody."""
    alone = target.model_copy(
        update={
            "external_audience_id": None,
            "custom_audience_id": None,
            "name": None,
            "columns": (),
            "labels": (),
            "ttl_days": TTL_DAYS,
            "description": DESCRIPTION,
        }
    )
    namespace = target.identity.code()
    return alone, (_invented(namespace, "canary-1"), _invented(namespace, "canary-2"))


def _invented(namespace: str, text: str) -> str:
    """An invented identity, the same at each call. Hashed namespaces take any digest."""
    digest = sha256(f"{text}@canary.invalid".encode())
    if namespace == ECID:
        return str(int.from_bytes(digest.digest()))[:ECID_DIGITS]
    return digest.hexdigest()
