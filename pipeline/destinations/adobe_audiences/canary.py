"""An audience of two invented people: what absence from a file does, tried out."""

from hashlib import sha256

from pipeline.destinations.adobe_audiences.namespaces import ECID
from pipeline.destinations.adobe_audiences.targets import AdobeTarget

TTL_DAYS = 14
"""Long enough to look twice: what expires meanwhile would seem to have been removed."""
DESCRIPTION = "Two invented people, to see what absence from a file does. May be deleted."
ECID_DIGITS = 38


def canary(target: AdobeTarget) -> tuple[AdobeTarget, tuple[str, str]]:
    """An audience of its own with the same identity, and two identities that are nobody's."""
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
    """The same at each call. Hashed namespaces take any digest; no address is behind this one."""
    digest = sha256(f"{text}@canary.invalid".encode())
    if namespace == ECID:
        return str(int.from_bytes(digest.digest()))[:ECID_DIGITS]
    return digest.hexdigest()
