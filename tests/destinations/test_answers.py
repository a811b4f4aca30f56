"""What the answers of Amazon Ads mean: for records, row by row of the table, and for jobs."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.answers import interpret_records, interpret_status
from pipeline.destinations.exchange import Response
from pipeline.domain.job import InvalidRecord, JobReport, NotYet
from pipeline.domain.send_result import (
    Accepted,
    Answer,
    BlockCause,
    Blocked,
    InDoubt,
    NotThePartner,
    Refused,
    Throttled,
    TooLarge,
)

HASH = "5e" * 32
RECORD = (
    b'{"action":"CREATE","externalUserId":"u-1","countryCode":"US","hashedPII":[{"email":"'
    + HASH.encode()
    + b'"}]}'
)
PAGE = b"<!DOCTYPE html><html><title>Blocked by policy</title></html>"
JSON_TYPE = {"Content-Type": "application/vnd.amcaudiences.v1+json"}
HTML_TYPE = {"content-type": "text/html; charset=utf-8"}
DEEP = [b"[" * depth + b"]" * depth for depth in (100, 990, 1_015, 1_024, 1_025, 100_000)]
"""Around the depths at which parsers and `str` give up, and far beyond."""


def response(status: int, body: bytes = b"", **more: Any) -> Response:
    return Response(**{"status": status, "headers": {}, "body": body, **more})


def answered(status: int, body: bytes = b"", **more: Any) -> Answer:
    return interpret_records(response(status, body, **more))


def asked(status: int, body: bytes = b"", **more: Any) -> JobReport | NotYet:
    return interpret_status(response(status, body, **more))


STOPS: list[tuple[int, BlockCause]] = [
    (401, "unauthorised"),
    (403, "forbidden"),
    (404, "not_found"),
    (405, "unsupported"),
    (406, "unsupported"),
    (415, "unsupported"),
    (501, "unsupported"),
]


class TestSuccess:
    @pytest.mark.parametrize("status", [200, 201, 202, 207])
    @pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b" \r\n"])
    def test_it_names_its_job_also_behind_a_byte_order_mark(
        self, status: int, before: bytes
    ) -> None:
        assert Accepted("j-1") == answered(status, before + b'{"jobRequestId":"j-1"}')

    @pytest.mark.parametrize(
        "body",
        [
            b"{}",
            b'{"jobRequestId":""}',
            b'{"jobRequestId":{}}',
            b'{"jobRequestId":null,"message":null}',
            b'{"other":"words"}',
            b'{"jobRequestId":"' + b"j" * 501 + b'"}',
        ],
    )
    def test_the_partners_own_without_a_job_cannot_be_followed(self, body: bytes) -> None:
        assert Accepted(None) == answered(202, body)

    @pytest.mark.parametrize("body", [b'{"jobRequ', *(b'{"a":' + deep + b"}" for deep in DEEP)])
    def test_json_that_cannot_be_read_is_a_success_without_a_job(self, body: bytes) -> None:
        assert Accepted(None) == answered(202, body)

    def test_so_is_a_body_that_did_not_arrive(self) -> None:
        cut = {"body_trouble": "the answer was cut short", "headers": JSON_TYPE}

        assert Accepted(None) == answered(202, b"", **cut)

    @pytest.mark.parametrize("status", [200, 201, 202, 207])
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"  ",
            b"OK",
            b"[]",
            b"null",
            b'"j-1"',
            b"\xff\xfe",
            PAGE,
            b"\xef\xbb\xbf\n" + PAGE,
            b"<?xml version='1.0'?><Error/>",
            b'{"message":"Internal failure"}',
            b'{"Message":"no"}',
            b'{"error":"invalid_grant"}',
            b'{"code":403,"details":"no"}',
            b'{"errors":[{"message":"no"}]}',
            b'{"error":{"nested":"no"}}',
            *DEEP,
        ],
    )
    def test_what_the_partner_would_not_say_is_no_acceptance(
        self, status: int, body: bytes
    ) -> None:
        assert isinstance(answered(status, body), NotThePartner)

    @pytest.mark.parametrize("body", [b"{}", b"Please log in", b'{"jobRequestId":"j-1"}'])
    def test_nor_is_anything_that_says_it_is_a_page(self, body: bytes) -> None:
        assert isinstance(answered(200, body, headers=HTML_TYPE), NotThePartner)

    @pytest.mark.parametrize("status", [204, 205])
    def test_nor_is_a_success_without_content(self, status: int) -> None:
        assert isinstance(answered(status), NotThePartner)

    def test_nor_is_a_multi_status_without_a_job(self) -> None:
        assert isinstance(answered(207, b"{}"), NotThePartner)

    def test_what_answered_is_said(self) -> None:
        page = answered(200, PAGE, headers=HTML_TYPE)
        error = answered(200, b'{"message":"Internal failure"}', headers=JSON_TYPE)

        assert isinstance(page, NotThePartner)
        assert page.detail.startswith("200 text/html: <!DOCTYPE html><html><title>Blocked by")
        assert error == NotThePartner(f"200 {JSON_TYPE['Content-Type']}: Internal failure")
        assert NotThePartner("204 no content type: an empty body") == answered(204)


class TestAnswers:
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

    @pytest.mark.parametrize("wait", [30.0, 0.0, None])
    def test_throttling_waits_as_it_is_told(self, wait: float | None) -> None:
        assert Throttled(wait) == answered(429, wait=wait)

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
    def test_trouble_of_the_partner_is_no_answer(self, status: int) -> None:
        assert InDoubt(f"{status} oops", status=status) == answered(status, b'{"message":"oops"}')

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
    def test_it_may_say_for_how_long(self, status: int) -> None:
        assert InDoubt(f"{status}", wait=7.0, status=status) == answered(status, wait=7.0)

    @pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
    def test_a_redirect_stops_the_lane_and_says_where_it_points(self, status: int) -> None:
        """
        Nothing was taken there. Without its query and its user, which may be secret.
        """
        headers = {"location": "https://me:hush@login.example/sso?token=hush#x"}

        assert Blocked(
            "wrong_address", f"{status} to login.example/sso; check api_url"
        ) == answered(status, headers=headers, wait=9.0)
        assert isinstance(answered(status), Blocked)
        assert isinstance(answered(status, headers={"Location": "http://[oops"}), Blocked)

    @pytest.mark.parametrize("status", [400, 401, 403, 409, 422, 500])
    def test_hashes_that_the_partner_repeats_are_not_said_again(self, status: int) -> None:
        for body in (b"bad: " + RECORD, b"[" + RECORD + b"]", orjson.dumps({"message": HASH})):
            assert HASH not in repr(answered(status, body))

    @pytest.mark.parametrize("deep", DEEP)
    @pytest.mark.parametrize("status", [400, 403, 500])
    def test_nor_is_anything_nested_too_deep(self, status: int, deep: bytes) -> None:
        for body in (deep, b'{"message":' + deep + b',"errors":[{"field":' + deep + b"}]}"):
            answered(status, body)

    @given(st.integers(200, 999), st.binary(max_size=200))
    def test_nothing_that_a_partner_says_is_too_much(self, status: int, body: bytes) -> None:
        answered(status, body)


class TestStatus:
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
        ) == asked(200, body)

    @pytest.mark.parametrize(
        ("state", "end"),
        [("Succeeded", "applied"), (" partiallysucceeded", "partly_applied"), ("Failed", "failed")],
    )
    def test_the_word_counts_and_not_how_it_is_written(self, state: str, end: str) -> None:
        report = asked(200, f'{{"jobState":"{state}"}}'.encode())

        assert isinstance(report, JobReport)
        assert (report.state, report.end) == (state.strip().upper(), end)

    @pytest.mark.parametrize(
        "state", ['"RUNNING"', '"succeed"', '"\u017fUCCEEDED"', "null", "[]", "{}", "7"]
    )
    def test_an_unknown_state_is_taken_for_pending(self, state: str) -> None:
        report = asked(200, f'{{"jobState":{state}}}'.encode())

        assert isinstance(report, JobReport)
        assert (report.state, report.is_terminal) == ("PENDING", False)

    @pytest.mark.parametrize("invalid", ["null", "7", '"x"', "{}", "[1, null]"])
    def test_invalid_records_of_another_shape_do_no_harm(self, invalid: str) -> None:
        report = asked(200, f'{{"jobState":"FAILED","invalidRecords":{invalid}}}'.encode())

        assert isinstance(report, JobReport)
        assert report.state == "FAILED"

    @pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\n"])
    def test_a_byte_order_mark_is_no_obstacle(self, before: bytes) -> None:
        report = asked(200, before + b'{"jobState":"FAILED"}')

        assert JobReport(state="FAILED", end="failed") == report

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b'"SUCCEEDED"',
            b"{}",
            PAGE,
            b'{"message":"Internal failure"}',
            b'{"jobState":"SUCC',
            *DEEP,
        ],
    )
    def test_what_is_no_job_ends_none(self, body: bytes) -> None:
        said = asked(200, body)

        assert isinstance(said, NotYet)
        assert not said.is_missing

    def test_a_page_that_reads_like_a_job_is_a_page(self) -> None:
        assert isinstance(asked(200, b'{"jobState":"FAILED"}', headers=HTML_TYPE), NotYet)

    def test_an_answer_that_broke_off_ends_no_job(self) -> None:
        assert isinstance(asked(200, b"", body_trouble="the answer was cut short"), NotYet)

    @pytest.mark.parametrize("status", [204, 301, 401, 403, 408, 429, 500, 503])
    def test_no_other_status_ends_a_job_and_each_may_ask_us_to_wait(self, status: int) -> None:
        said = asked(status, b'{"message":"no"}', wait=9.0)

        assert said == NotYet(f"{status} no", 9.0, is_throttled=status == 429)

    def test_a_job_is_missing_where_the_partner_says_so(self) -> None:
        assert NotYet("404 no", is_missing=True) == asked(404, b'{"message":"no"}')

    @pytest.mark.parametrize("body", [b"", PAGE, b"default backend - 404"])
    def test_a_404_of_something_before_the_partner_is_no_word_on_the_job(self, body: bytes) -> None:
        said = asked(404, body)

        assert isinstance(said, NotYet)
        assert not said.is_missing

    @pytest.mark.parametrize("deep", DEEP)
    def test_nothing_is_nested_too_deep(self, deep: bytes) -> None:
        asked(200, b'{"jobState":"FAILED","invalidRecords":[{"externalId":' + deep + b"}]}")
        asked(200, b'{"jobState":' + deep + b',"successful":' + deep + b"}")

    def test_what_is_kept_of_it_fits_into_a_message(self) -> None:
        long = b"x" * 100_000
        sizes = b",".join(b'"%d":1' % number for number in range(10_000))
        invalid = b'{"externalId":"' + long + b'","audienceId":"' + long + b'","error":"x"}'
        report = asked(
            200,
            b'{"jobState":"FAILED","invalidRecords":[' + invalid + b'],"audienceSize":{'
            b'"' + long + b'":1,' + sizes + b"}}",
        )

        assert isinstance(report, JobReport)
        [record] = report.invalid
        assert len(record.member) == len(record.audience) == 500
        assert sum(map(len, report.audience_size)) < 1_000
