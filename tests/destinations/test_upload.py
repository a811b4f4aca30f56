"""What is sent to Amazon Ads, byte for byte."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.changes import (
    LARGEST_AUDIENCE_ID,
    LaneTarget,
    body_frame,
    compose_records,
    compose_status,
    largest_overhead,
)

HASH = "5e" * 32
RECORD = (
    b'{"action":"CREATE","externalUserId":"u-1","countryCode":"US","hashedPII":[{"email":"'
    + HASH.encode()
    + b'"}]}'
)


def body_of(
    target: LaneTarget, audience: str, written: bytes = b"", records: list[bytes] | None = None
) -> bytes:
    return b"".join(compose_records(target, audience, written, records or [b"{}"]).body)


class TestCompose:
    def test_a_connection_with_target_types(self) -> None:
        body = body_of(LaneTarget("c-1", {"7": ("DSP",)}), "7", records=[b'{"a":1}', b'{"b":2}'])

        assert body == (
            b'{"audienceId":7,"targetResource":{"connectionId":"c-1","targetTypes":["DSP"]},'
            b'"records":[{"a":1},{"b":2}]}'
        )

    def test_a_connection_without_target_types_names_none(self) -> None:
        body = body_of(LaneTarget("c-1", {"7": ()}), "7", written=b"DSP")

        assert body == b'{"audienceId":7,"targetResource":{"connectionId":"c-1"},"records":[{}]}'

    def test_an_audience_of_an_advertiser_has_no_target_at_all(self) -> None:
        body = body_of(LaneTarget(None, {"7": ()}), "7", written=b"DSP")

        assert body == b'{"audienceId":7,"records":[{}]}'

    @pytest.mark.parametrize(
        ("written", "resource"),
        [
            (b"DSP", {"connectionId": "c-1", "targetTypes": ["DSP"]}),
            (b"", {"connectionId": "c-1"}),
        ],
    )
    def test_an_audience_that_left_the_configuration_keeps_what_was_written_with_its_records(
        self, written: bytes, resource: dict[str, object]
    ) -> None:
        body = json.loads(body_of(LaneTarget("c-1", {}), "7", written))

        assert resource == body["targetResource"]

    @pytest.mark.parametrize(
        "audience", ["1", "413642381039213536", "379909525712777677", str(2**63 - 1)]
    )
    def test_an_audience_id_is_a_bare_number_of_64_bits(self, audience: str) -> None:
        body = body_of(LaneTarget(None, {}), audience)

        assert body.startswith(f'{{"audienceId":{audience},'.encode())

    def test_the_request_is_a_post_of_the_audiences_media_type(self) -> None:
        request = compose_records(LaneTarget(None, {}), "7", b"", [b"{}"])

        assert (request.method, request.path) == ("POST", "/amc/audiences/records")
        assert request.headers == {
            "Content-Type": "application/vnd.amcaudiences.v1+json",
            "Accept": "application/vnd.amcaudiences.v1+json",
        }

    @given(st.lists(st.dictionaries(st.text(), st.booleans()), min_size=1, max_size=20))
    def test_records_go_out_as_they_are_and_in_order(self, records: list[dict[str, bool]]) -> None:
        body = body_of(
            LaneTarget("c-1", {}), "7", records=[orjson.dumps(record) for record in records]
        )

        assert records == json.loads(body)["records"]

    def test_a_request_does_not_show_its_body(self) -> None:
        request = compose_records(LaneTarget(None, {}), "7", b"", [RECORD])

        assert HASH not in repr(request)


class TestEnvelope:
    @given(
        connection=st.one_of(st.none(), st.text(min_size=1, max_size=249)),
        audience=st.integers(1, LARGEST_AUDIENCE_ID).map(str),
        configured=st.sampled_from([None, (), ("DSP",)]),
        written=st.sampled_from([b"", b"DSP"]),
    )
    def test_none_is_larger_than_the_largest(
        self,
        connection: str | None,
        audience: str,
        configured: tuple[str, ...] | None,
        written: bytes,
    ) -> None:
        target = LaneTarget(connection, {} if configured is None else {audience: configured})
        before, after = body_frame(target, audience, written)

        assert len(before) + len(after) <= largest_overhead(connection)

    @pytest.mark.parametrize(
        ("connection", "size"), [(None, 47), ("c" * 36, 142), ("c" * 64, 170), ("c" * 249, 355)]
    )
    def test_it_grows_with_the_name_of_the_connection(
        self, connection: str | None, size: int
    ) -> None:
        """
        A connection id may have as many characters as a topic's name: 256 bytes are no bound.
        """
        assert size == largest_overhead(connection)

    def test_a_body_is_its_overhead_its_records_and_what_separates_them(self) -> None:
        target = LaneTarget("c-1", {})
        before, after = body_frame(target, "7", b"")
        body = body_of(target, "7", records=[RECORD] * 10)

        assert len(body) == len(before) + len(after) + 10 * (len(RECORD) + 1) - 1


class TestQuestion:
    def test_a_job_is_asked_for_by_its_id(self) -> None:
        request = compose_status("5a/../b?c")

        assert (request.method, request.path) == ("GET", "/amc/audiences/records/5a%2F..%2Fb%3Fc")
