"""The remedies for answers of the partner: the permission, term or id that is missing."""

from typing import Final

from pipeline.destinations.other_answers import try_again

NOT_THE_PARTNER: Final = (
    "this answer is not from the partner; check api_url of the destination, and proxies before it"
)

_PERMISSION: Final = (
    "the login or its application has no right to this: the application (client_id) needs the "
    "Campaign Management and Data Provider scopes, and the person who granted access must have a "
    "role in this account"
)
_TERMS: Final = "the AMC terms may not be accepted in this region: see `terms show`"
_REGION: Final = "ids belong to one login and region, so check client_id and region too"

_OF_ENDPOINT: Final[dict[tuple[str, int], str]] = {
    ("connections.create", 400): (
        "take amcAccountId and amcInstanceId from `instances list`, dspAdvertiserId and "
        "dspProfileId from one line of `advertisers list`; a connection id can be taken only once"
    ),
    ("connections.create", 403): f"{_PERMISSION}; {_TERMS}",
    ("connections", 404): f"no such connection: see `connections list`; {_REGION}",
    ("connections.delete", 404): f"no such connection: see `connections list`; {_REGION}",
    ("terms.accept", 400): "the terms have changed since they were shown: see `terms show` again",
    ("terms.accept", 403): (
        "only the person who granted access to the application can accept; use a token of that "
        "person"
    ),
    ("metadata.create", 400): (
        "correct the values that it names; the connection must exist (`connections list`), an "
        "advertiser must belong to the region (`advertisers list`)"
    ),
    ("metadata.create", 403): f"{_PERMISSION}; {_TERMS}",
    ("metadata", 404): f"no such audience: it was made under another login, or never; {_REGION}",
    ("metadata.update", 404): (
        f"no such audience: it was made under another login, or never; {_REGION}"
    ),
    ("status", 404): (
        "the partner does not know this job: right after an upload, ask again in a minute; "
        f"otherwise see `jobs list`; {_REGION}"
    ),
    ("instances", 400): "account and marketplace go together: copy both from `accounts list`",
    ("instances", 403): (
        "account and marketplace go together: copy both from `accounts list`; the person who "
        "granted access needs a role in that AMC account"
    ),
    ("advertisers", 400): "give the profile_id of an agency profile: see `profiles list`",
    ("advertisers", 401): (
        "the profile must be an agency profile of this login and region: see `profiles list`; "
        "otherwise check client_id and the application's approval for the Amazon Ads API"
    ),
    ("advertisers", 403): (
        "the login has no access to the DSP of this profile: take an agency profile from "
        "`profiles list`, or have the DSP account grant it"
    ),
}

_OF_STATUS: Final[dict[int, str]] = {
    400: "correct the values that it names",
    401: (
        "check client_id, and that its application is approved for the Amazon Ads API; otherwise "
        "authorise it again"
    ),
    403: f"{_PERMISSION}; {_TERMS}",
    404: f"{_REGION}; check api_url",
    406: "the partner no longer supports this version of its API: look for a newer release",
    413: "the request is too large",
    415: "the partner no longer supports this version of its API: look for a newer release",
    422: "correct the values that it names",
}


def remedy(endpoint: str, status: int, wait: str | None) -> str:
    """The remedy on one line; `wait` is the partner's `Retry-After`, seconds or a date."""
    if status == 501:
        return "the partner does not offer this here: check the region"
    waiting, of_endpoint = try_again(status, wait), _OF_ENDPOINT.get((endpoint, status))
    return waiting or of_endpoint or _OF_STATUS.get(status, NOT_THE_PARTNER)
