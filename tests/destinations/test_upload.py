"""What is sent to Amazon Ads, byte for byte, and what its answers mean."""

import json
from datetime import UTC, datetime

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
    interpret_records,
    interpret_status,
    largest_overhead,
)
from pipeline.destinations.exchange import Response
from pipeline.domain.job import InvalidRecord, JobReport
from pipeline.domain.send_result import (
    Accepted,
    Answer,
    BlockCause,
    Blocked,
    InDoubt,
    Refused,
    Throttled,
    TooLarge,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
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


def answered(status: int, body: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return interpret_records(Response(status=status, headers=named, body=body), NOW)


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


STOPS: list[tuple[int, BlockCause]] = [
    (401, "unauthorised"),
    (403, "forbidden"),
    (404, "not_found"),
    (405, "unsupported"),
    (406, "unsupported"),
    (415, "unsupported"),
    (501, "unsupported"),
]


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 207])
    def test_success_names_its_job(self, status: int) -> None:
        assert Accepted("j-1") == answered(status, b'{"jobRequestId":"j-1"}')

    @pytest.mark.parametrize(
        "body", [b"", b"{}", b"[]", b"<html>", b'{"jobRequestId":""}', b'{"jobRequestId":{}}']
    )
    def test_success_without_a_job_is_success_that_cannot_be_followed(self, body: bytes) -> None:
        assert Accepted(None) == answered(202, body)

    @pytest.mark.parametrize("status", [400, 422])
    def test_what_may_be_a_bad_record_is_refused(self, status: int) -> None:
        assert Refused(f"{status} no") == answered(status, b'{"message":"no"}')

    def test_too_large_is_too_large(self) -> None:
        assert TooLarge() == answered(413)

    @pytest.mark.parametrize(("status", "reason"), STOPS)
    def test_what_a_person_must_mend_stops_the_lane(self, status: int, reason: BlockCause) -> None:
        assert Blocked(reason, f"{status} no") == answered(status, b'{"message":"no"}')

    @pytest.mark.parametrize("status", [402, 407, 409, 410, 421, 423, 425, 431, 451, 499])
    def test_a_refusal_that_does_not_speak_of_the_records_costs_no_record(
        self, status: int
    ) -> None:
        assert isinstance(answered(status), Blocked)

    @pytest.mark.parametrize(
        ("header", "wait"),
        [("30", 30.0), ("Tue, 24 Nov 2026 12:00:45 GMT", 45.0), ("soon", None)],
    )
    def test_throttling_waits_as_it_is_told(self, header: str, wait: float | None) -> None:
        assert Throttled(wait) == answered(429, retry_after=header)

    def test_throttling_may_name_no_time(self) -> None:
        assert Throttled(None) == answered(429)

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
    def test_trouble_of_the_partner_is_no_answer(self, status: int) -> None:
        assert InDoubt(f"{status} oops", by_partner=True) == answered(status, b'{"message":"oops"}')

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_a_redirect_is_repeated_and_never_blamed_on_a_record(self, status: int) -> None:
        assert InDoubt(f"unexpected status {status}") == answered(status)

    @pytest.mark.parametrize("status", [400, 401, 403, 409, 422, 500])
    def test_hashes_that_the_partner_repeats_are_not_said_again(self, status: int) -> None:
        for body in (b"bad: " + RECORD, b"[" + RECORD + b"]", orjson.dumps({"message": HASH})):
            assert HASH not in repr(answered(status, body))

    @given(st.integers(200, 999), st.binary(max_size=200))
    def test_nothing_that_a_partner_says_is_too_much(self, status: int, body: bytes) -> None:
        answered(status, body)


class TestStatus:
    def test_a_job_is_asked_for_by_its_id(self) -> None:
        request = compose_status("5a/../b?c")

        assert (request.method, request.path) == ("GET", "/amc/audiences/records/5a%2F..%2Fb%3Fc")

    def test_everything_the_partner_says_is_read(self) -> None:
        body = b"""{"jobRequestId":"j","jobState":"PARTIALLYSUCCEEDED",
            "successful":{"recordsProcessedRate":99.5},
            "invalidRecords":[{"audienceId":"7","externalId":"u","error":"bad"}],
            "audienceSize":{"dspAudienceSize":-1,"idResolutionCount":2,"odd":"x","yes":true}}"""

        assert JobReport(
            state="PARTIALLYSUCCEEDED",
            end="partly_applied",
            invalid=(InvalidRecord(member="u", audience="7", error="bad"),),
            processed_percent=99.5,
            audience_size={"dspAudienceSize": -1, "idResolutionCount": 2},
        ) == interpret_status(body)

    @pytest.mark.parametrize("state", ['"RUNNING"', "null", "[]", "{}", "7"])
    def test_an_unknown_state_is_taken_for_pending(self, state: str) -> None:
        report = interpret_status(f'{{"jobState":{state}}}'.encode())

        assert report is not None
        assert not report.is_terminal

    @pytest.mark.parametrize("invalid", ["null", "7", '"x"', "{}", "[1, null]"])
    def test_invalid_records_of_another_shape_do_no_harm(self, invalid: str) -> None:
        report = interpret_status(f'{{"jobState":"FAILED","invalidRecords":{invalid}}}'.encode())

        assert report is not None
        assert report.state == "FAILED"

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>", b'"SUCCEEDED"'])
    def test_what_is_no_job_is_none(self, body: bytes) -> None:
        assert interpret_status(body) is None
