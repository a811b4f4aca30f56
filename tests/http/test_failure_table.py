"""What the partner answers and what we do, row by row of the failure table, over real HTTP.

Each case ends with the same verdict (`verdict.py`): nothing was lost, the order held, and the cap
was paid.
"""

import itertools
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from pipeline.domain.send_result import BlockCause
from pipeline.sandbox.amazon_ads.faults import PROFILES, Fault, FaultRates, ScriptedFault
from tests.http.verdict import assert_promises_held
from tests.http.world import Setup, Wire, until, wired

MEMBERS = [f"member-{number}" for number in range(60)]
LATER = MEMBERS[::3]
"""Those that change again while there is trouble."""
BATCH = Setup().batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """Trouble that passes by itself. `forfeited`: tokens of attempts that never arrived."""

    fault: Fault = field(default_factory=Fault)
    times: int = 1
    setup: Setup = field(default_factory=Setup)
    forfeited: int = 0


def _status(code: int) -> Passing:
    return Passing(fault=Fault(status=code), times=3)


PASSING = {
    "202 with a job": Passing(),
    "202 without one": Passing(fault=Fault(omits_job_id=True)),
    "401 once": Passing(fault=Fault(status=401)),
    "429 in seconds": Passing(fault=Fault(status=429, retry_after=1)),
    "429 with a date": Passing(fault=Fault(status=429, retry_after=2, retry_after_form="date")),
    "429 without a time": Passing(fault=Fault(status=429), times=3),
    "408": _status(408),
    "500": _status(500),
    "502": _status(502),
    "503": _status(503),
    "504": _status(504),
    "503 but taken": Passing(fault=Fault(status=503, is_taken=True), times=3),
    "a slow answer": Passing(fault=Fault(latency=(0.6, 0.6)), setup=Setup(timeout=0.2, late=1.0)),
    "a reset before taking": Passing(fault=Fault(ending="reset"), times=3, forfeited=3 * BATCH),
    "an end after taking": Passing(fault=Fault(ending="drop", is_taken=True), times=3),
    "an end, taken late": Passing(
        fault=Fault(ending="drop", late_seconds=0.4), setup=Setup(late=0.6)
    ),
}
UNHURRIED = FaultRates(latency=(0.02, 0.02))
"""So that a test can step in between two requests."""
MENDED_BY_A_PERSON: dict[int, BlockCause] = {
    401: "unauthorised",
    402: "unsupported",
    403: "forbidden",
    404: "not_found",
    405: "unsupported",
    406: "unsupported",
    409: "unsupported",
    415: "unsupported",
    501: "unsupported",
}


def always(status: int) -> ScriptedFault:
    return ScriptedFault(fault=Fault(status=status), times=None)


class Signpost(AbstractResolver):
    """The name service: points where it is told to, or knows no address at all."""

    def __init__(self) -> None:
        self.ports: list[int] | None = None
        """None: the true one."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        ports = [port] if self.ports is None else self.ports
        if not ports:
            raise OSError(socket.EAI_NONAME, "Name or service not known")
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
            )
            for port in ports
        ]

    async def close(self) -> None:
        return None


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def throttled(connection: str, seconds: float) -> ScriptedFault:
    return ScriptedFault(
        fault=Fault(status=429, retry_after=seconds), connection_id=connection, times=1
    )


def reasons(wire: Wire) -> Sequence[str]:
    return [letter["reason"].decode() for lane in wire.lanes for letter in lane.letters()]


@pytest.mark.parametrize("row", PASSING.values(), ids=PASSING.keys())
async def test_trouble_that_passes_costs_time_and_nothing_else(row: Passing) -> None:
    """Every record arrives, also those that change meanwhile, and the lane never stops."""
    async with wired(row.setup) as wire:
        wire.simulator.script(ScriptedFault(fault=row.fault, times=row.times))
        wire.lane.put(MEMBERS)
        await until(lambda: wire.simulator.totals()["faults"].get("scripted", 0) == row.times)
        wire.lane.put(LATER, "DELETE")
        await wire.settled()

    assert wire.lane.letters() == []
    assert wire.lane.worker.blocked is None
    assert_promises_held(wire, forfeited=row.forfeited)


@pytest.mark.parametrize(("status", "reason"), MENDED_BY_A_PERSON.items())
async def test_what_a_person_must_mend_stops_the_lane_until_it_is_mended(
    status: int, reason: BlockCause
) -> None:
    """
    A blocked lane says why and keeps everything, asks with one record, and goes on by itself.
    """
    async with wired(Setup(in_flight=1)) as wire:
        wire.simulator.script(always(status))
        wire.lane.put(MEMBERS)
        await until(lambda: wire.lane.worker.blocked is not None)
        assert wire.lane.worker.blocked is not None
        assert wire.lane.worker.blocked.cause == reason
        assert wire.lane.worker.blocked.detail.startswith(f"{status} ")
        await until(lambda: len(wire.uploads()) >= 4)
        assert wire.lane.state == "blocked"
        assert wire.lane.lease.settled.offset == 0
        asked = [request.records for request in wire.uploads()]
        wire.lane.put(LATER, "DELETE")
        wire.simulator.faults.clear()
        await wire.settled()

    assert asked[0] == BATCH
    assert set(asked[2:]) == {1}
    assert wire.lane.letters() == []
    assert wire.lane.state == "running"
    # The partner counts all of these but 401.
    assert_promises_held(wire, forfeited=None if status == 401 else 0)


@pytest.mark.parametrize("status", [400, 422])
async def test_a_refused_batch_is_halved_until_the_bad_record_stands_alone(status: int) -> None:
    """It becomes a dead letter in the partner's words; its tokens are all that is not used."""
    async with wired() as wire:
        wire.simulator.faults.poison(["member-7"], status)
        wire.lane.put(MEMBERS)
        wire.lane.put(["member-3"], "DELETE")
        await wire.settled()

    [letter] = wire.lane.letters()
    assert wire.lane.named() == ["member-7"]
    assert letter["reason"] == b"refused"
    said = f"the partner refused it: {status} A record could not be processed"
    assert letter["detail"] == said.encode()
    assert_promises_held(wire, forfeited=1)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_batch_that_is_mostly_refused_stops_the_lane_and_loses_no_record(
    status: int,
) -> None:
    """
    Then it is not the records: while it lasts none is given up, probes included, and all of them
    arrive once it is mended.
    """
    async with wired(Setup(batch=200, in_flight=1, cap=6_000)) as wire:
        wire.simulator.script(always(status))
        wire.lane.put([f"member-{number}" for number in range(300)])
        await until(lambda: wire.lane.state == "blocked")
        before = len(wire.uploads())
        await until(lambda: len(wire.uploads()) >= before + 20)
        assert wire.lane.journal.messages == []
        wire.lane.put(LATER, "DELETE")
        wire.simulator.faults.clear()
        await wire.settled()

    assert before <= 60
    assert wire.lane.letters() == []
    assert wire.lane.state == "running"
    assert_promises_held(wire, forfeited=None)


async def test_a_quiet_lane_that_is_refused_everything_stops_as_well() -> None:
    """However small its batches are, it gives nine records up before it knows."""
    async with wired(Setup(batch=1, in_flight=1)) as wire:
        wire.simulator.script(always(400))
        wire.lane.put(MEMBERS)
        await until(lambda: wire.lane.state == "blocked")
        before = len(wire.uploads())
        await until(lambda: len(wire.uploads()) >= before + 3)
        wire.simulator.faults.clear()
        await wire.settled()

    assert len(wire.lane.letters()) == 9
    assert_promises_held(wire, forfeited=None)


async def test_a_body_over_the_limit_is_halved_and_the_limit_remembered() -> None:
    """What is halved pays nothing more, and no later body is over the limit."""
    async with wired(Setup(batch=100, in_flight=1, byte_limit=5_000)) as wire:
        wire.lane.put([f"member-{number}" for number in range(100)])
        await wire.settled()
        refused = wire.outcomes()["413"]
        wire.lane.put([f"later-{number}" for number in range(400)])
        await wire.settled()

    assert 1 <= refused <= 7
    assert wire.outcomes()["413"] == refused
    assert_promises_held(wire)


async def test_a_remembered_limit_gives_up_no_record_that_the_partner_would_take() -> None:
    """
    Two records together are over the limit and half of them is less than one record; each alone
    is taken all the same.
    """
    async with wired(Setup(batch=2, in_flight=1, byte_limit=300)) as wire:
        wire.lane.put(["first", "second"])
        await wire.settled()
        wire.lane.put([f"later-{number}" for number in range(20)])
        await wire.settled()

    assert reasons(wire) == []
    assert_promises_held(wire)


async def test_one_record_over_the_limit_is_named_and_the_others_arrive() -> None:
    """The partner's word on a record that stands alone is final."""
    async with wired(Setup(in_flight=1, byte_limit=5_000)) as wire:
        wire.lane.put(MEMBERS[:9])
        wire.lane.put_large("large", identities=80)
        wire.lane.put(MEMBERS[9:])
        await wire.settled()

    assert (wire.lane.named(), reasons(wire)) == (["large"], ["record_too_large"])
    assert_promises_held(wire, forfeited=1)


async def test_a_lane_that_is_told_to_wait_is_silent_for_so_long_and_others_are_not() -> None:
    """Between the refusal and the next request of that lane lies what `Retry-After` says."""
    async with wired(Setup(lanes=2)) as wire:
        told, other = wire.lanes
        wire.simulator.script(throttled(told.target, 1))
        told.put(MEMBERS[:BATCH])
        await until(lambda: len(wire.uploads(told)) == 1)
        other.put(MEMBERS)
        await wire.settled()

    refused, repeated = wire.uploads(told)
    assert repeated.at - refused.at >= 0.99
    assert wire.uploads(other)[0].at < repeated.at
    assert_promises_held(wire)


async def test_when_two_lanes_are_told_the_whole_client_is_silent() -> None:
    """A third lane, which was never told, waits with them."""
    async with wired(Setup(lanes=3)) as wire:
        first, second, third = wire.lanes
        wire.simulator.script(throttled(first.target, 1), throttled(second.target, 2))
        first.put(MEMBERS[:BATCH])
        second.put(MEMBERS[:BATCH])
        await until(lambda: wire.codes().get("429") == 2)
        third.put(MEMBERS)
        await wire.settled()

    told_last = max(wire.uploads(lane)[0].at for lane in (first, second))
    assert all(request.at - told_last >= 0.99 for request in wire.uploads(third))
    assert_promises_held(wire)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, retry_after=0),
        Fault(status=429, retry_after=-90, retry_after_form="date"),
        Fault(status=429, retry_after=-90),
    ],
    ids=["no seconds", "a date gone by", "seconds gone by"],
)
async def test_a_partner_that_names_no_time_to_come_is_asked_after_longer_and_longer_pauses(
    fault: Fault,
) -> None:
    """Its clock may be wrong; asked at once it would say the same, and so would every lane."""
    async with wired(Setup(in_flight=1, chance=lambda: 1.0)) as wire:
        wire.simulator.script(ScriptedFault(fault=fault, times=5))
        wire.lane.put(MEMBERS[:BATCH])
        await wire.settled()

    times = [request.at for request in wire.uploads()]
    assert len(times) == 6
    assert times[-1] - times[0] >= 0.99 * (0.02 + 0.04 + 0.08 + 0.1 + 0.1)
    assert_promises_held(wire)


async def test_a_body_that_always_fails_while_others_pass_is_searched_for_its_bad_record() -> None:
    """After five errors of the partner itself it is halved like a refused one."""
    async with wired() as wire:
        wire.simulator.faults.poison(["member-7"], 503)
        wire.lane.put(MEMBERS)
        for number in itertools.count():
            taken = wire.outcomes().get("202", 0)
            wire.lane.put([f"other-{number}"])
            await until(lambda: wire.outcomes().get("202", 0) > taken)  # noqa: B023
            if wire.lane.letters():
                break
        await wire.settled()

    assert (wire.lane.named(), reasons(wire)) == (["member-7"], ["refused"])
    assert_promises_held(wire)


@pytest.mark.parametrize("trouble", ["no address", "nobody there"])
async def test_a_partner_that_cannot_be_reached_is_waited_for_and_not_paid(trouble: str) -> None:
    """A name that is not known, or a port where nobody listens: nothing can have been taken."""
    signpost = Signpost()
    async with wired(Setup(resolver=signpost, api_host="partner.test")) as wire:
        signpost.ports = [] if trouble == "no address" else [unused_port()]
        wire.lane.put(MEMBERS)
        await until(lambda: wire.codes().get("unreachable", 0) >= 8)
        wire.lane.put(LATER, "DELETE")
        signpost.ports = None
        await wire.settled()

    assert wire.codes().keys() == {"unreachable", "202"}
    assert wire.lane.letters() == []
    assert_promises_held(wire)


async def test_a_stop_in_the_middle_of_a_search_neither_loses_nor_repeats_what_was_found() -> None:
    """What was accepted stays settled, and the search begins anew with the rest."""
    async with wired(Setup(batch=200, in_flight=1, cap=6_000)) as wire:
        wire.simulator.faults.rates = UNHURRIED
        wire.simulator.faults.poison(["member-150"])
        wire.lane.put([f"member-{number}" for number in range(200)])
        await until(lambda: wire.outcomes().get("400", 0) >= 2)
        wire.simulator.script(ScriptedFault(fault=Fault(status=403), times=3))
        await wire.settled()

    assert wire.lane.named() == ["member-150"]
    assert wire.outcomes()["403"] == 3
    assert_promises_held(wire, forfeited=None)


@pytest.mark.parametrize("gently", [True, False], ids=["gently", "at once"])
async def test_a_lane_that_is_lost_in_the_middle_of_a_search_is_searched_by_its_successor(
    gently: bool,
) -> None:
    """At least once: what the former owner had not settled is sent again, and named again."""
    async with wired(Setup(batch=200, in_flight=1, cap=6_000)) as wire:
        wire.simulator.faults.rates = UNHURRIED
        wire.simulator.faults.poison(["member-150"])
        wire.lane.put([f"member-{number}" for number in range(200)])
        await until(lambda: wire.outcomes().get("400", 0) >= 2)
        await wire.lane.hand_over(gently=gently)
        wire.lane.put(LATER, "DELETE")
        await wire.settled()

    assert set(wire.lane.named()) == {"member-150"}
    assert_promises_held(wire, forfeited=None, is_repeated=True)


async def test_everything_at_once_and_a_backlog_at_the_cap_break_no_promise() -> None:
    """Three windows of backlog, members that change all the time, and every fault of a bad day."""
    async with wired(Setup(timeout=0.3, late=2.0, cap=1_500)) as wire:
        wire.simulator.faults.rates = replace(
            PROFILES["rough"],
            retry_after=(None, 1.0),
            latency=(0.0, 0.35),
            late_seconds=(0.1, 1.5),
            invalid=0.0,
        )
        wire.simulator.faults.poison(["member-7"])
        for number in range(3 * 1_500):
            wire.lane.put([f"member-{number if number % 2 else number % 100}"])
        await wire.settled()

    assert set(wire.lane.named()) == {"member-7"}
    assert_promises_held(wire, forfeited=None)
