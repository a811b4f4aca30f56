"""The remedies for answers of Adobe: the permission, header or id that is missing."""

from typing import Final

from pipeline.destinations.adobe_audiences.errors import code_of, is_invalid_token
from pipeline.destinations.exchange import Response
from pipeline.destinations.other_answers import try_again

NOT_THE_PARTNER: Final = (
    "this answer is not from the partner; check api_url and contract of the destination, and "
    "proxies before it"
)
_CREDENTIAL: Final = "check client_id, client_secret and scopes"
_PERMISSION: Final = (
    "the credential may not do this: in Adobe's permissions give its role View segments, Manage "
    "segments and Import audience in this sandbox"
)
_IDS: Final = "ids belong to one sandbox, so check sandbox and org_id too"

_OF_CODE: Final = {
    "100920": "a header is missing: check org_id, sandbox and client_id, and proxies that drop "
    "headers",
    "100921": "check org_id",
    "100922": "the organisation has no right to external audiences, or the credential none to "
    "this sandbox; a new token does not help",
}
_OF_ENDPOINT: Final[dict[tuple[str, int], str]] = {
    ("audience create", 409): "an audience of this name already exists: set its id as "
    "external_audience_id if it is yours, otherwise choose another name",
    ("audience create", 400): "correct the values that it names; base_connection_id must be the "
    "connection to the storage",
    ("audience update", 404): f"no such audience; {_IDS}",
    ("audience extend", 404): f"no such audience; {_IDS}",
    ("audience delete", 404): f"no such audience: it may be deleted already; {_IDS}",
    ("audience delete", 400): "an audience that a destination or another audience uses cannot be "
    "deleted: remove it there first",
    ("audience delete", 409): "an audience that a destination or another audience uses cannot be "
    "deleted: remove it there first",
    ("runs", 404): f"no such audience; {_IDS}",
    ("operation", 404): "the partner no longer knows this operation: look for the audience by its "
    "name in the partner's console",
}
_OF_STATUS: Final[dict[int, str]] = {
    400: "correct the values that it names",
    401: _CREDENTIAL,
    403: _PERMISSION,
    404: f"check contract and api_url; {_IDS}",
    409: "it already exists, or is in use",
    422: "correct the values that it names",
}


def remedy(endpoint: str, response: Response, wait: str | None) -> str:
    """The remedy on one line; `wait` is the partner's `Retry-After`, seconds or a date."""
    status = response.status
    waiting = try_again(status, wait)
    if waiting is not None:
        return waiting
    if is_invalid_token(response):
        return _CREDENTIAL
    of_code = _OF_CODE.get(code_of(response) or "")
    of_endpoint = _OF_ENDPOINT.get((endpoint, status))
    return of_code or of_endpoint or _OF_STATUS.get(status, NOT_THE_PARTNER)
