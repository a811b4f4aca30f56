"""Turns errors of an object store, or of the way to it, into one line without credentials.

The library's errors quote the address, which may hold a signature, and the whole answer. So a line
shows only the status, the store's own code, and our own words.
"""

import re
from collections.abc import Mapping, Sequence

from obstore.exceptions import UnauthenticatedError

from pipeline.stages.snapshot.ports import StorageRefused, StorageUnavailable

_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")

_BY_CODE: Mapping[str, str] = {
    "NoSuchBucket": "there is no such bucket; create it, or correct its name",
    "ContainerNotFound": "there is no such container; create it, or correct its name",
    "RequestTimeTooSkewed": "the clock of this machine is wrong; set it",
    "ExpiredToken": "the credentials have expired; give new ones",
    "AuthorizationHeaderMalformed": "the bucket is in another region; correct `region`",
    "PermanentRedirect": "the bucket is in another region; correct `region`",
}
_CREDENTIALS = (
    "it does not accept the credentials; check them, and that they may read, write, list and delete"
)
_BY_STATUS: Mapping[int, str] = {
    301: _BY_CODE["PermanentRedirect"],
    401: _CREDENTIALS,
    403: _CREDENTIALS,
    404: "there is no such bucket or container; create it, or correct its name",
}
_LATER = frozenset({408, 409, 423, 425, 429})
"""Statuses 4xx after which the next request may succeed."""

_LOGIN = "token request"
_METADATA_SERVICES = ("169.254.", "metadata.google.internal")
_ON_THE_WAY: Sequence[tuple[str, str]] = (
    ("dns error", "DNS has no address for it; check the name"),
    ("refused", "it refuses connections; check address and port"),
    ("certificate", "its certificate is not accepted; check the address and this machine's CAs"),
    ("timed out", "no answer in time"),
)


def trouble(error: Exception, place: str) -> StorageUnavailable | StorageRefused:
    """Return the exception for an error of the library; `place` names the storage."""
    text = str(error)
    if any(service in text for service in _METADATA_SERVICES):
        return StorageRefused(
            f"{place}: the environment has no credentials; set them there or in the settings"
        )
    found = _STATUS.search(text)
    if isinstance(error, UnauthenticatedError) or (found and _LOGIN in text):
        # The library could not use the credentials, or the store's login refused them.
        return StorageRefused(f"{place}: {_CREDENTIALS}")
    if found is None:
        return StorageUnavailable(f"{place}: {_on_the_way(text)}")
    status = int(found[1])
    code = _CODE.search(text)
    answer = f"{status}" if code is None else f"{status} {code[1]}"
    if status >= 500 or status in _LATER:
        return StorageUnavailable(f"{place}: it answers {answer}")
    why = _BY_CODE.get(code[1] if code else "") or _BY_STATUS.get(status, "it refuses the request")
    return StorageRefused(f"{place}: {why} (it answers {answer})")


def _on_the_way(text: str) -> str:
    folded = text.lower()
    return next((why for sign, why in _ON_THE_WAY if sign in folded), "no complete answer")
