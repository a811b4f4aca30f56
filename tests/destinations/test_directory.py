"""What there is to connect: lists in pages, followed to their end and never for ever."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest

from pipeline.destinations.amazon_ads.directory import (
    LAST_START_INDEX,
    PAGE_LENGTH,
    Page,
    compose_accounts,
    compose_advertisers,
    compose_instances,
    compose_profiles,
    interpret_accounts,
    interpret_advertisers,
    interpret_instances,
    interpret_profiles,
)
from pipeline.destinations.control import Declined, InvalidRequest
from pipeline.destinations.exchange import Request, Response

Interpret = Callable[[Request, Response], Page[Any] | Declined]


def page(interpret: Interpret, request: Request, body: object) -> Page[Any]:
    found = interpret(request, Response(status=200, headers={}, body=orjson.dumps(body)))
    assert isinstance(found, Page)
    return found


def advertisers(start: int, count: int) -> list[dict[str, str]]:
    return [{"advertiserId": str(585806696618602000 + start + n)} for n in range(count)]


REQUESTS: Sequence[tuple[Request, dict[str, str]]] = [
    (compose_accounts(), {}),
    (
        compose_instances("ENTITY1", "ATVPDKIKX0DER"),
        {
            "Amazon-Advertising-API-AdvertiserId": "ENTITY1",
            "Amazon-Advertising-API-MarketplaceId": "ATVPDKIKX0DER",
        },
    ),
    (compose_profiles(), {"Content-Type": "application/json", "Accept": "application/json"}),
    (compose_advertisers(2**63 - 1), {"Amazon-Advertising-API-Scope": "9223372036854775807"}),
]


@pytest.mark.parametrize(("request_", "headers"), REQUESTS)
def test_every_service_gets_the_headers_of_its_own(
    request_: Request, headers: dict[str, str]
) -> None:
    assert headers.items() <= request_.headers.items()


def test_the_length_of_a_page_is_always_asked_for() -> None:
    """
    The documents of the partner disagree about the length of a page when none is given.
    """
    assert compose_instances("a", "m").query == {"limit": "100"}
    assert compose_advertisers(1).query == {"startIndex": "0", "count": "100"}


@pytest.mark.parametrize(("account", "marketplace"), [("", "m"), ("a", ""), (" ", " ")])
def test_instances_are_not_asked_for_without_both_headers(account: str, marketplace: str) -> None:
    with pytest.raises(InvalidRequest):
        compose_instances(account, marketplace)


def test_a_token_leads_to_the_next_page_of_the_same_question() -> None:
    first = compose_instances("ENTITY1", "ATVPDKIKX0DER")

    found = page(interpret_instances, first, {"instances": [{}], "nextToken": "a+b/c="})

    assert found.following is not None
    assert found.following.query == {"limit": "100", "nextToken": "a+b/c="}
    assert first.headers == found.following.headers
    assert found.items[0].account_id == "ENTITY1"


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_the_list_ends(token: str | None) -> None:
    found = page(interpret_accounts, compose_accounts(), {"amcAccounts": [], "nextToken": token})

    assert (found.following, found.is_cut_off) == (None, False)


def test_a_token_that_repeats_itself_ends_the_list_and_is_told() -> None:
    second = page(interpret_accounts, compose_accounts(), {"nextToken": "t"}).following
    assert second is not None

    found = page(interpret_accounts, second, {"amcAccounts": [{}], "nextToken": "t"})

    assert (found.following, found.is_cut_off) == (None, True)


@pytest.mark.parametrize("total", [0, 1, 99, 100, 101, 250, 1000])
@pytest.mark.parametrize("says_total", [True, False])
def test_advertisers_are_counted_through_to_the_last(total: int, says_total: bool) -> None:
    request: Request | None = compose_advertisers(1)
    seen: list[str] = []
    while request is not None:
        start = int(request.query["startIndex"])
        body: dict[str, object] = {
            "response": advertisers(start, max(0, min(PAGE_LENGTH, total - start)))
        }
        if says_total:
            body["totalResults"] = total
        found = page(interpret_advertisers, request, body)
        seen += [one.advertiser_id for one in found.items]
        request = found.following

    assert [one["advertiserId"] for one in advertisers(0, total)] == seen


def test_more_advertisers_than_the_partner_gives_out_are_told_of() -> None:
    last = compose_advertisers(1)
    last = Request(
        endpoint=last.endpoint,
        method=last.method,
        path=last.path,
        headers=last.headers,
        query={"startIndex": str(LAST_START_INDEX), "count": "100"},
    )

    found = page(
        interpret_advertisers, last, {"totalResults": 40_000, "response": advertisers(0, 100)}
    )

    assert (found.following, found.is_cut_off) == (None, True)


def test_an_empty_page_ends_the_list_whatever_the_total_says() -> None:
    found = page(interpret_advertisers, compose_advertisers(1), {"totalResults": 5, "response": []})

    assert found.following is None


def test_an_id_is_a_text_also_where_a_service_writes_a_number() -> None:
    found = page(
        interpret_advertisers,
        compose_advertisers(1),
        {"response": [{"advertiserId": 585806696618602999}]},
    )

    assert found.items[0].advertiser_id == "585806696618602999"


def test_profiles_keep_all_digits_of_their_ids() -> None:
    said = [{"profileId": 2**63 - 1, "accountInfo": {"type": "agency"}}, {"accountInfo": None}]

    found = page(interpret_profiles, compose_profiles(), said)

    assert [(one.profile_id, one.account_type) for one in found.items] == [
        (2**63 - 1, "agency"),
        (None, None),
    ]


CASES: Sequence[tuple[Interpret, Request, int, bytes, str]] = [
    (interpret_accounts, compose_accounts(), 403, b'{"message":"no"}', "Data Provider"),
    (
        interpret_instances,
        compose_instances("a", "m"),
        403,
        b'{"code":"403","details":"no"}',
        "accounts list",
    ),
    (interpret_profiles, compose_profiles(), 401, b'{"code":"401","details":"no"}', "client_id"),
    (interpret_profiles, compose_profiles(), 200, b"{}", "api_url"),
    (
        interpret_advertisers,
        compose_advertisers(1),
        401,
        b'{"message":"no","errors":[]}',
        "profiles list",
    ),
]


@pytest.mark.parametrize(("interpret", "request_", "status", "body", "words"), CASES)
def test_a_refusal_names_what_is_missing(
    interpret: Interpret, request_: Request, status: int, body: bytes, words: str
) -> None:
    refused = interpret(request_, Response(status=status, headers={}, body=body))

    assert isinstance(refused, Declined)
    assert words in refused.remedy
