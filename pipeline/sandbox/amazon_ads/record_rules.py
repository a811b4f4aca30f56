"""Checks the rules of an upload for all records of a request together: about 1 us a record."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import orjson

from pipeline.sandbox.amazon_ads import shapes
from pipeline.sandbox.amazon_ads.dialects import Refusal
from pipeline.sandbox.amazon_ads.vocabulary import (
    ACTIONS,
    CONSENT_SIGNALS,
    CONSENT_WORDS,
    COUNTRIES,
    IDENTITY_FIELDS,
    MOST_IDENTITIES,
    MOST_RECORDS,
    RECORD_FIELDS,
)

MEMBER_CHARACTERS = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
DIGEST_CHARACTERS = b"0123456789abcdef"
LONGEST_MEMBER = 128
DIGEST_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRequest:
    """A valid request. Each list has one entry for each record."""

    audience: int
    connection: str | None
    """None if the request names no target; "" means the default connection."""
    members: list[str]
    adds: list[bool]
    digests: list[int]
    denied: frozenset[int]
    """Positions of adds whose consent signal is a denial."""

    def __repr__(self) -> str:
        return f"<UploadRequest of {len(self.members)} records for {self.audience}>"


def read_upload(body: bytes, *, names_bad_record: bool) -> UploadRequest:
    """Read a request body.

    Raises:
        Refusal: with 400 for the whole request if anything in it breaks a rule. The message names
            the position of the record only with `names_bad_record`.
    """
    request = shapes.fields(
        shapes.document(body),
        "request",
        frozenset({"audienceId", "records", "targetResource"}),
        frozenset({"audienceId", "records"}),
    )
    audience = shapes.long(request["audienceId"], "audienceId")
    connection = _connection(request)
    listed = shapes.items(request["records"], "records", 1, MOST_RECORDS)
    problem = problem_of(listed)
    if problem is not None:
        raise Refusal(400, _named(problem, listed) if names_bad_record else problem)
    records = cast("list[dict[str, object]]", listed)
    return UploadRequest(
        audience=audience,
        connection=connection,
        members=[cast("str", record["externalUserId"]) for record in records],
        adds=[record["action"] == "CREATE" for record in records],
        digests=[record_digest(record) for record in records],
        denied=_denied(records),
    )


def record_digest(record: dict[str, object]) -> int:
    """A checksum of 32 bits of a record's content; the order of its fields does not matter."""
    return zlib.crc32(orjson.dumps(record, option=orjson.OPT_SORT_KEYS))


def problem_of(records: Sequence[object]) -> str | None:
    """What is wrong with one of these records; None if all are valid."""
    if set(map(type, records)) != {dict}:
        return "records must be objects"
    objects = cast("Sequence[dict[str, object]]", records)
    if not set().union(*objects) <= RECORD_FIELDS:
        return "a record has an unrecognized field"
    try:
        return (
            _member_problem([record["externalUserId"] for record in objects])
            or _action_problem([record["action"] for record in objects])
            or _identity_problem([record["hashedPII"] for record in objects])
            or _optional_problem(objects)
        )
    except KeyError as missing:
        return f"{missing.args[0]} is required in every record"


def _member_problem(values: list[object]) -> str | None:
    if set(map(type, values)) != {str}:
        return "externalUserId must be a string"
    members = cast("list[str]", values)
    lengths = set(map(len, members))
    joined = "".join(members).encode()
    is_short_enough = min(lengths) >= 1 and max(lengths) <= LONGEST_MEMBER
    if not is_short_enough or joined.translate(None, MEMBER_CHARACTERS):
        return r"externalUserId must match ^[0-9a-zA-Z\-\_]{1,128}$"
    return None


def _action_problem(values: list[object]) -> str | None:
    if set(map(type, values)) != {str} or not set(values) <= ACTIONS:
        return "action must be CREATE or DELETE"
    return None


def _identity_problem(values: list[object]) -> str | None:
    if set(map(type, values)) != {list}:
        return "hashedPII must be a list"
    lists = cast("list[list[object]]", values)
    lengths = set(map(len, lists))
    if min(lengths) < 1 or max(lengths) > MOST_IDENTITIES:
        return f"hashedPII must have 1 to {MOST_IDENTITIES} items"
    identities = list(chain.from_iterable(lists))
    if set(map(type, identities)) != {dict}:
        return "hashedPII must hold objects"
    return _digest_problem(cast("list[dict[str, object]]", identities))


def _digest_problem(identities: list[dict[str, object]]) -> str | None:
    if not set().union(*identities) <= IDENTITY_FIELDS:
        return "hashedPII has an unrecognized field"
    values = list(chain.from_iterable(map(dict.values, identities)))
    if not set(map(type, values)) <= {str}:
        return "hashedPII values must be strings"
    digests = cast("list[str]", values)
    joined = "".join(digests).encode()
    if not set(map(len, digests)) <= {DIGEST_LENGTH} or joined.translate(None, DIGEST_CHARACTERS):
        return "hashedPII values must be SHA-256 in lower-case hexadecimal"
    return None


def _optional_problem(records: Sequence[dict[str, object]]) -> str | None:
    countries = [record["countryCode"] for record in records if "countryCode" in record]
    if not set(map(type, countries)) <= {str} or not set(countries) <= COUNTRIES:
        return "countryCode must be an ISO 3166-1 alpha-2 code"
    measured = [record["measurements"] for record in records if "measurements" in record]
    if not set(map(type, measured)) <= {dict}:
        return "measurements must be an object"
    try:
        for record in records:
            if "userConsent" in record:
                _check_consent(record["userConsent"])
    except Refusal as refusal:
        return refusal.message
    return None


def _check_consent(value: object) -> None:
    user = shapes.fields(value, "userConsent", frozenset({"consent", "geo"}))
    geo = shapes.fields(user.get("geo", {}), "geo", frozenset({"countryCode", "ipAddress"}))
    if "countryCode" in geo:
        shapes.choice(geo["countryCode"], "geo.countryCode", COUNTRIES)
    if "ipAddress" in geo:
        shapes.text(geo["ipAddress"], "geo.ipAddress")
    consent = shapes.fields(user.get("consent", {}), "consent", CONSENT_SIGNALS)
    if len(consent) > 1:
        raise Refusal(400, "consent must hold at most one signal")
    for name in ("tcf", "gpp"):
        if name in consent:
            shapes.text(consent[name], name, 1)
    own = shapes.fields(
        consent.get("amzn", {}), "amzn", frozenset({"amznAdStorage", "amznUserData"})
    )
    for name, word in own.items():
        shapes.choice(word, name, CONSENT_WORDS)


def _denied(records: Sequence[dict[str, object]]) -> frozenset[int]:
    return frozenset(
        position
        for position, record in enumerate(records)
        if "userConsent" in record and record["action"] == "CREATE" and _says_no(record)
    )


def _says_no(record: dict[str, object]) -> bool:
    # The record has passed all rules, so it has the documented shape.
    user = cast("dict[str, dict[str, dict[str, str]]]", record["userConsent"])
    return "DENIED" in user.get("consent", {}).get("amzn", {}).values()


def _connection(request: dict[str, object]) -> str | None:
    if "targetResource" not in request:
        return None
    target = shapes.fields(
        request["targetResource"],
        "targetResource",
        frozenset({"connectionId", "targetTypes"}),
        frozenset({"connectionId"}),
    )
    for kind in shapes.items(target.get("targetTypes", []), "targetTypes", 0, 1):
        shapes.choice(kind, "targetTypes", frozenset({"DSP"}))
    return shapes.text(target["connectionId"], "connectionId")


def _named(problem: str, records: Sequence[object]) -> str:
    # A rule checks all records together, so check each one to find the first bad one.
    place = next(
        (place for place, record in enumerate(records) if problem_of([record]) is not None), None
    )
    return f"records[{place}]: {problem}"
