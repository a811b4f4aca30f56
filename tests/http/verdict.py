"""The one verdict on every case: nothing lost, the order held, the cap paid."""

from collections import defaultdict

import orjson

from pipeline.sandbox.amazon_ads.record_rules import record_digest
from tests.http.world import Wire, WiredLane


def assert_promises_held(
    wire: Wire, *, forfeited: int | None = 0, is_repeated: bool = False
) -> None:
    """
    Every record has exactly one end, or at least one where another owner repeated it; the partner
    holds the last change of each member and never had two requests with the same one; what it
    counted was paid for, once.

    `forfeited` are tokens that were paid and that the partner did not count: of requests that it
    may have counted for all the client knew, of dead letters, and of deliveries that a stop
    ended. None: not known.
    """
    for lane in wire.lanes:
        _assert_nothing_lost(lane, is_repeated=is_repeated)
        _assert_order_held(wire, lane)
        _assert_within_the_cap(wire, lane)
    totals = wire.simulator.totals()
    assert totals["overlapping_requests"] == 0
    assert totals["repeated_in_request"] == 0
    spent = sum(lane.spent for lane in wire.lanes)
    if forfeited is None:
        assert spent >= totals["records"]["arrived"]
    else:
        assert spent == totals["records"]["arrived"] + forfeited


def _assert_nothing_lost(lane: WiredLane, *, is_repeated: bool) -> None:
    label = lane.served.label
    labels = label.destination, label.connection
    accepted = [*lane.journal.of("jobs"), *lane.journal.of("outcomes")]
    taken = sum(int(orjson.loads(message.value or b"")["records"]) for message in accepted)
    ends = taken + lane.telemetry.count("records_superseded", *labels) + len(lane.letters())
    written = len(lane.topic.records)
    assert lane.lease.settled.offset == written
    assert ends == written or (is_repeated and ends > written)
    assert taken == lane.telemetry.count("records_accepted", *labels)


def _assert_order_held(wire: Wire, lane: WiredLane) -> None:
    """
    Of every member the last change stands, unless that is a dead letter, and what was taken of it
    before came in order; an attempt that was not answered may have been taken and repeated.
    """
    written: dict[str, list[int]] = defaultdict(list)
    for record in lane.topic.records:
        fields = orjson.loads(record.value or b"")
        written[fields["externalUserId"]].append(record_digest(fields))
    named = set(lane.named())
    standing = wire.simulator.membership().get(int(lane.audience), {})
    assert standing.keys() - named == written.keys() - named
    for member in standing.keys() - named:
        digests = written[member]
        taken = [
            change.digest for change in wire.simulator.members().history(int(lane.audience), member)
        ]
        places = [digests.index(digest) for digest in taken]
        assert taken[-1] == digests[-1]
        assert places == sorted(places)


def _assert_within_the_cap(wire: Wire, lane: WiredLane) -> None:
    assert wire.simulator.windows()[lane.target]["total"] <= lane.spent
    cap = lane.served.quota.records
    assert cap is not None
    assert wire.simulator.largest_window(lane.target) < cap
