"""What may be said instead of a partner's answer, row by row: what the lane does, what it pays.

Something before the partner (`gateway.py`) speaks each row byte for byte, over real HTTP; behind it
stands the partner. Each case ends with the same verdict (`verdict.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import orjson
import pytest

from pipeline.domain.send_result import BlockCause
from pipeline.sandbox.amazon_ads.faults import Fault, ScriptedFault
from tests.fakes.partner import reply
from tests.http.gateway import Misanswer
from tests.http.verdict import assert_promises_held
from tests.http.world import Setup, Wire, until, wired

MEMBERS = [f"member-{number}" for number in range(60)]
LATER = MEMBERS[::3]
BATCH = Setup().batch
HTML = "Content-Type: text/html; charset=utf-8"
JSON = "Content-Type: application/vnd.amcaudiences.v1+json"
PAGE = b"<!DOCTYPE html><html><title>Blocked by policy</title></html>"
JOB = b'{"jobRequestId":"job-1"}'
HEAD = b"HTTP/1.1 202 Accepted\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The partner took the request, and this is what came back of its answer."""

    misanswer: Misanswer
    is_tracked: bool = False
    """Its job is known."""


def taken(raw: bytes, *, is_tracked: bool = False, closes: bool = False) -> Taken:
    misanswer = Misanswer(raw=raw, is_taken=True, then="close" if closes else "go on")
    return Taken(misanswer=misanswer, is_tracked=is_tracked)


NOT_THE_PARTNER = {
    "200, a page": reply(200, PAGE, HTML),
    "202, a page": reply(202, PAGE, HTML),
    "200, a page that says nothing of its type": reply(200, PAGE),
    "200, a page with a job": reply(200, JOB, HTML),
    "200, an error in JSON": reply(200, b'{"message":"Internal failure"}', JSON),
    "200, an error of a login": reply(200, b'{"error":"access_denied"}', JSON),
    "200, nothing": reply(200, b""),
    "202, nothing": reply(202, b""),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "205": reply(205, b""),
    "207": reply(207, b'{"results":[]}', JSON),
    "200, words": reply(200, b"OK", "Content-Type: text/plain"),
    "200, JSON of another kind": reply(200, b"[]", JSON),
    "200, JSON nested too deep for anybody": reply(200, b"[" * 1_015 + b"]" * 1_015, JSON),
}
TAKEN = {
    "its own, without a job": taken(reply(202, b"{}", JSON)),
    "its own, behind a byte order mark": taken(
        reply(202, b"\xef\xbb\xbf" + JOB, JSON), is_tracked=True
    ),
    "its own, with a header of 9 kB": taken(
        reply(202, JOB, JSON, "X-Trace: " + "x" * 9_000), is_tracked=True
    ),
    "its own, with cookies": taken(reply(202, JOB, JSON, "Set-Cookie: a=b"), is_tracked=True),
    "a false encoding": taken(reply(202, JOB, JSON, "Content-Encoding: gzip")),
    "an encoding that nobody knows": taken(reply(202, JOB, JSON, "Content-Encoding: no-such")),
    "cut short": taken(HEAD + b"Content-Length: 100\r\n\r\n" + JOB[:9], closes=True),
    "a chunk cut short": taken(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n18\r\n" + JOB[:9], closes=True
    ),
    "half of its JSON": taken(reply(202, JOB[:9], JSON)),
    "JSON nested too deep": taken(reply(202, b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", JSON)),
}
MENDED_BY_A_PERSON: dict[str, tuple[bytes, BlockCause]] = {
    **{
        f"{status}": (reply(status, b"", "Location: https://login.example/"), "wrong_address")
        for status in (301, 302, 303, 307, 308)
    },
    "300": (reply(300, b""), "wrong_address"),
    "308 without a place": (reply(308, b""), "wrong_address"),
    "308 that asks to wait": (reply(308, b"", "Retry-After: 60"), "wrong_address"),
    "407 of a proxy": (reply(407, b""), "unsupported"),
}


def untracked(wire: Wire) -> int:
    """Records that were accepted without a job."""
    outcomes = wire.lane.journal.of("outcomes")
    return sum(int(orjson.loads(message.value or b"")["records"]) for message in outcomes)


@pytest.mark.parametrize("raw", NOT_THE_PARTNER.values(), ids=NOT_THE_PARTNER.keys())
async def test_what_the_partner_did_not_say_is_no_acceptance(raw: bytes) -> None:
    """Nothing is settled by it, no record is given up, and each arrives once it is mended.

    It is paid: whoever answered may have passed the request on.
    """
    times = 3
    async with wired(Setup(misanswers=[Misanswer(raw=raw)] * times)) as wire:
        wire.lane.put(MEMBERS)
        await until(lambda: wire.passed >= times)
        wire.lane.put(LATER, "DELETE")
        await wire.settled()

    assert wire.lane.letters() == []
    assert untracked(wire) == 0
    assert_promises_held(wire, forfeited=times * BATCH)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (reply(200, PAGE, HTML), "200 text/html: <!DOCTYPE html>"),
        (reply(200, b'{"message":"Internal failure"}', JSON), "Internal failure"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "an empty body"),
        (reply(202, b"{}", JSON), "names no job"),
    ],
    ids=["a page", "an error in JSON", "nothing", "successes without a job"],
)
async def test_what_goes_on_answering_instead_of_the_partner_blocks_the_lane(
    raw: bytes, said: str
) -> None:
    """After a few tries, with what answered in its detail; a backlog does not drain into it."""
    async with wired(Setup(in_flight=1, misanswers=[Misanswer(raw=raw)] * 12)) as wire:
        wire.lane.put(MEMBERS)
        await until(lambda: wire.lane.worker.blocked is not None)
        assert wire.lane.worker.blocked is not None
        assert wire.lane.worker.blocked.cause == "not_the_partner"
        assert said in wire.lane.worker.blocked.detail
        assert wire.passed <= 6
        assert wire.lane.lease.settled.offset == 0
        await wire.settled()

    assert wire.lane.letters() == []
    assert untracked(wire) == 0
    assert_promises_held(wire, forfeited=None)


@pytest.mark.parametrize("row", TAKEN.values(), ids=TAKEN.keys())
async def test_a_success_of_the_partner_is_one_however_its_answer_arrives(row: Taken) -> None:
    """
    It is not repeated and paid once; what names no job is counted as accepted without one. Other
    requests of the lane get theirs, so it is the partner who takes them.
    """
    async with wired(Setup(misanswers=[row.misanswer], passed_first=1)) as wire:
        wire.lane.put(["first"])
        await wire.settled()
        wire.lane.put(MEMBERS)
        await until(lambda: wire.passed >= 2)
        wire.lane.put(LATER, "DELETE")
        await wire.settled()

    assert wire.lane.letters() == []
    assert untracked(wire) == (0 if row.is_tracked else BATCH)
    assert len(wire.uploads()) == wire.passed
    assert_promises_held(wire)


@pytest.mark.parametrize(
    ("raw", "cause"), MENDED_BY_A_PERSON.values(), ids=MENDED_BY_A_PERSON.keys()
)
async def test_what_a_person_must_mend_stops_the_lane_and_counts_for_nothing(
    raw: bytes, cause: BlockCause
) -> None:
    """
    One batch is asked with, then single records; nothing reaches the partner, and nothing that
    was sent counts against the cap. A redirect is not followed.
    """
    probes = 3
    misanswers = [Misanswer(raw=raw)] * (1 + probes)
    async with wired(Setup(in_flight=1, misanswers=misanswers)) as wire:
        wire.lane.put(MEMBERS)
        await until(lambda: wire.passed >= 1 + probes)
        assert wire.lane.worker.blocked is not None
        assert wire.lane.worker.blocked.cause == cause
        assert wire.uploads() == []
        assert wire.lane.worker.status()["window_records"] == 0
        await wire.settled()

    assert wire.lane.letters() == []
    assert_promises_held(wire, forfeited=BATCH + probes)


def spans(wire: Wire) -> Sequence[float]:
    """Seconds between each request for records and the next."""
    times = [request.at for request in wire.uploads()]
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_any_status_asks_us_to_wait_is_waited(status: int, form: str) -> None:
    """Not less than it said, whatever the backoff would be. A date has whole seconds only."""
    asked = 1.0 if form == "seconds" else 2.0
    fault = Fault(status=status, retry_after=asked, retry_after_form=form)  # type: ignore[arg-type]
    async with wired(Setup(in_flight=1)) as wire:
        wire.simulator.script(ScriptedFault(fault=fault, times=1))
        wire.lane.put(MEMBERS[:BATCH])
        await wire.settled()

    [span] = spans(wire)
    assert span >= 0.98 * (asked - (0 if form == "seconds" else 1))
    assert_promises_held(wire)
