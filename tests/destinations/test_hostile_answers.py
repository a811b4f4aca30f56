"""Nothing that a partner, or what stands before it, can answer makes an `interpret` raise."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.destinations.adobe_audiences import audiences as adobe_audiences
from pipeline.destinations.adobe_audiences import creation, landing_zone, runs
from pipeline.destinations.adobe_audiences import login as adobe_login
from pipeline.destinations.adobe_audiences.generations import GENERATIONS
from pipeline.destinations.amazon_ads import (
    answers,
    audiences,
    connections,
    control_plane,
    directory,
    login,
    terms,
)
from pipeline.destinations.exchange import Response

ACCOUNTS = directory.compose_accounts()
INSTANCES = directory.compose_instances("account", "marketplace")
PROFILES = directory.compose_profiles()
ADVERTISERS = directory.compose_advertisers(7)
INTERPRETERS: dict[str, Callable[[Response], Any]] = {
    "records": answers.interpret_records,
    "status": answers.interpret_status,
    "token": login.interpret_refresh,
    "audience created": audiences.interpret_create,
    "audience shown": audiences.interpret_show,
    "audience updated": audiences.interpret_update,
    "terms": terms.interpret_terms,
    "terms accepted": terms.interpret_acceptance,
    "connection created": connections.interpret_create,
    "connections": connections.interpret_list,
    "connection deleted": connections.interpret_delete,
    "job": control_plane.interpret_job,
    "accounts": lambda response: directory.interpret_accounts(ACCOUNTS, response),
    "instances": lambda response: directory.interpret_instances(INSTANCES, response),
    "profiles": lambda response: directory.interpret_profiles(PROFILES, response),
    "advertisers": lambda response: directory.interpret_advertisers(ADVERTISERS, response),
    "adobe token": adobe_login.interpret,
    "adobe creation": lambda said: creation.interpret_create(GENERATIONS["current"], said),
    "adobe draft creation": lambda said: creation.interpret_create(GENERATIONS["draft"], said),
    "adobe operation": creation.interpret_operation,
    "adobe update": adobe_audiences.interpret_update,
    "adobe extension": adobe_audiences.interpret_extend,
    "adobe deletion": adobe_audiences.interpret_delete,
    "adobe landing zone": landing_zone.interpret_landing_zone,
    "adobe run": runs.interpret_run,
    "adobe runs": lambda said: runs.interpret_runs(said, usual_window=6),
    "adobe status": runs.interpret_status,
}
NAMES = st.sampled_from(
    [
        "jobRequestId",
        "jobState",
        "successful",
        "recordsProcessedRate",
        "invalidRecords",
        "audienceId",
        "externalId",
        "externalUserId",
        "error",
        "errors",
        "code",
        "message",
        "details",
        "audienceSize",
        "access_token",
        "expires_in",
        "token_type",
        "error_description",
        "amcAccounts",
        "instances",
        "nextToken",
        "response",
        "totalResults",
        "advertiserId",
        "profileId",
        "accountInfo",
        "connections",
        "connectionId",
        "audiences",
        "success",
        "index",
        "terms",
        "accepted",
        "id",
        "name",
        "marketplaceId",
        "accountId",
        "instanceId",
        "status",
        "operationId",
        "taskId",
        "runId",
        "runs",
        "stage",
        "error_code",
        "title",
        "type",
        "detail",
        "createdAt",
        "dataFilterStartTime",
        "dataFilterEndTime",
        "sourceSpec",
        "params",
        "path",
        "SASUri",
        "SASToken",
        "storageAccountName",
        "containerName",
        "expiryDate",
        "credentials",
        "dlzPath",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from([10**400, "1" * 5_000, "SUCCEEDED", "\x00", "é", "202", -1, "1e999"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.binary(max_size=60) | VALUES.map(lambda said: json.dumps(said).encode())
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Content-Type", "Location", "x-amzn-RequestId"]),
    st.text(max_size=12)
    | st.sampled_from(["http://[::1", "text/html", "Fri, 31 Dec 9999 23:59:59 GMT", "9" * 400]),
)


@pytest.mark.parametrize("name", INTERPRETERS)
@given(
    status=st.integers(100, 999),
    body=BODIES,
    headers=HEADERS,
    trouble=st.none() | st.just("the answer was cut short"),
)
@example(status=200, body=b"[" * 50_000, headers={}, trouble=None)
@example(status=200, body=b'{"a":' * 50_000, headers={}, trouble=None)
@example(status=200, body=b'{"expires_in":1e400,"access_token":"x"}', headers={}, trouble=None)
@example(status=200, body=b'{"expires_in":' + b"9" * 5_000 + b"}", headers={}, trouble=None)
@example(
    status=404, body=b'{"errors":[{"code":{"a":[1]},"details":null}]}', headers={}, trouble=None
)
@example(status=302, body=b"", headers={"Location": "http://[::1"}, trouble=None)
def test_every_answer_becomes_a_value(
    name: str, status: int, body: bytes, headers: dict[str, str], trouble: str | None
) -> None:
    response = Response(status=status, headers=headers, body=body, body_trouble=trouble)

    told = INTERPRETERS[name](response)

    assert repr(told)
