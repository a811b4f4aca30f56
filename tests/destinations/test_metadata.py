"""Audiences at the partner: ids of 64 bits, the guards, and replies that lack what they like."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.audiences import (
    LONGEST_TTL_SECONDS,
    Audience,
    AudienceUpdate,
    CreatedAudience,
    Fee,
    NewAudience,
    compose_create,
    compose_show,
    compose_update,
    interpret_create,
    interpret_show,
    interpret_update,
)
from pipeline.destinations.control import Declined, InvalidRequest
from pipeline.destinations.exchange import Request, Response

LARGE = 413642381039213537
"""A float would make ...536 of it."""
LONG = 2**63 - 1
VIP = NewAudience(name="vip customers", external_audience_id="vip", connection_id="connection-1")
FULL = replace(
    VIP,
    description="d",
    ttl=604_800,
    country_code="GB",
    fees=(Fee("USD", 150.5), Fee("EUR", 100)),
)


def sent(request: Request) -> Any:
    return orjson.loads(b"".join(request.body))


def shown(body: bytes) -> Audience:
    audience = interpret_show(Response(status=200, headers={}, body=body))
    assert isinstance(audience, Audience)
    return audience


@given(st.integers(1, LONG))
@example(LARGE)
def test_an_advertiser_goes_out_as_the_same_bare_number(advertiser: int) -> None:
    audience = replace(VIP, connection_id=None, advertiser_id=advertiser)

    body = b"".join(compose_create(audience).body)

    assert b'"targetResource":{"advertiserId":%d}' % advertiser in body


@given(st.integers(1, LONG), st.sampled_from(["%d", '"%d"', "%d.0", "%de0"]))
@example(LARGE, "%de0")
def test_an_audience_id_comes_in_as_the_same_number_however_it_is_written(
    audience_id: int, form: str
) -> None:
    body = ('{"audienceId":' + form % audience_id + "}").encode()

    created = interpret_create(Response(status=201, headers={}, body=body))

    assert created == CreatedAudience(audience_id, None)


@pytest.mark.parametrize(
    "written",
    ["1e999999999", "NaN", "Infinity", "true", "1.5", '"x"', "null", "9223372036854775808"],
)
def test_what_is_no_id_is_not_guessed(written: str) -> None:
    body = f'{{"audienceId":{written}}}'.encode()

    assert isinstance(interpret_create(Response(status=201, headers={}, body=body)), Declined)


def test_an_audience_is_made_with_all_that_was_said_of_it() -> None:
    assert sent(compose_create(FULL)) == {
        "name": "vip customers",
        "description": "d",
        "metadata": {
            "externalAudienceId": "vip",
            "ttl": 604800,
            "audienceFees": [
                {"cpmCents": 150.5, "currency": "USD"},
                {"cpmCents": 100, "currency": "EUR"},
            ],
        },
        "targetResource": {"connectionId": "connection-1"},
        "countryCode": "GB",
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "n" * 9}, "10 to 128"),
        ({"name": "n" * 129}, "10 to 128"),
        ({"description": "d" * 1001}, "1000"),
        ({"ttl": -1}, "34300800"),
        ({"ttl": LONGEST_TTL_SECONDS + 1}, "34300800"),
        ({"ttl": float("nan")}, "34300800"),
        ({"connection_id": None}, "exactly one"),
        ({"connection_id": ""}, "exactly one"),
        ({"advertiser_id": 7}, "exactly one"),
        ({"connection_id": None, "advertiser_id": 0}, "advertiser must be"),
        ({"connection_id": None, "advertiser_id": 2**63}, "advertiser must be"),
        ({"external_audience_id": ""}, "external id"),
        ({"fees": (Fee("CHF", 1),)}, "currency"),
        ({"fees": (Fee("USD", -1),)}, "cents"),
        ({"fees": (Fee("USD", float("nan")),)}, "cents"),
        ({"fees": (Fee("USD", 1), Fee("USD", 2))}, "one fee for each"),
    ],
    ids=str,
)
def test_what_the_partner_would_refuse_is_not_sent(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        replace(VIP, **change)


@pytest.mark.parametrize("audience_id", [0, -1, 2**63])
def test_an_impossible_id_is_not_asked_for(audience_id: int) -> None:
    with pytest.raises(InvalidRequest):
        compose_show(audience_id)


def test_an_update_of_nothing_is_not_sent() -> None:
    with pytest.raises(InvalidRequest, match="nothing to change"):
        AudienceUpdate()


def test_an_update_carries_along_what_stays() -> None:
    """
    Whether a PUT keeps what it does not name is not documented, so it names everything.
    """
    standing = shown(
        b'{"audienceId":7,"description":"old","metadata":{"externalAudienceId":"vip","ttl":60,'
        b'"audienceFees":[{"cpmCents":1.5,"currency":"USD"}]}}'
    )

    request = compose_update(7, AudienceUpdate(ttl=0).completed(standing))

    assert sent(request) == {
        "description": "old",
        "metadata": {"ttl": 0, "audienceFees": [{"cpmCents": 1.5, "currency": "USD"}]},
    }


def test_sizes_are_read_and_unknown_ones_stay_what_they_are() -> None:
    size = shown(
        b'{"metadata":{"audienceSize":{"dspAudienceSize":-1,"receivedRecordSize":12}}}'
    ).size

    assert (size.dsp, size.received_records, size.id_resolutions) == (-1, 12, None)


nothing_or_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["audienceId", "metadata", "audienceFees", "ttl", "name", "cpmCents"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(nothing_or_anything)
def test_no_reply_is_too_odd_to_read(said: object) -> None:
    body = json.dumps(said).encode()
    response = Response(status=200, headers={}, body=body)

    for interpret in (interpret_show, interpret_update):
        assert isinstance(interpret(response), Audience | Declined)
