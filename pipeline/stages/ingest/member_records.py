"""One change on one route to the topic of all memberships: a member record, or none.

A remove needs the member's id and nothing else, so nothing but an id that must not stand in our
topics can keep one from being written. What a partner's renderer says of an add decides what is
written for it: a member, or, where the person's consent is denied, that the person is out.
"""

from collections.abc import Callable
from typing import Final

from pipeline.domain.change import MembershipChange
from pipeline.domain.member_record import (
    encode_removal,
    encode_rendered,
    member_key,
    partition_of,
)
from pipeline.domain.reasons import Rejected, Rendered, Withheld
from pipeline.identity.hashing import HashOnce
from pipeline.stages.ingest.chunk import Chunk
from pipeline.stages.ingest.lane_records import NO_TIME, TIMES_END_MS, failed
from pipeline.stages.ingest.route import MemberRoute
from pipeline.stages.ingest.topic_limits import TopicLimits
from pipeline.stages.ports import OutgoingRecord, Partition, Record

_OVER_TOPIC: Final = Rejected(
    "record_too_large", "one record is over max.message.bytes of the topic of memberships"
)


class MemberRecords:
    """Writes down who is in and who is out, in the words of the topic of memberships."""

    def __init__(
        self,
        *,
        source: Partition,
        restates: bool,
        limits: TopicLimits,
        wall_ms: Callable[[], int],
    ) -> None:
        """`restates` says that a change counts from when it was stated, however old it is."""
        self._source = f"{source.topic}/{source.number}/".encode()
        self._restates = restates
        self._limits = limits
        self._wall_ms = wall_ms

    def add(
        self,
        change: MembershipChange,
        hash_once: HashOnce | None,
        route: MemberRoute,
        event: Record,
        number: int,
        chunk: Chunk,
    ) -> int | Rejected:
        """Put the record of change `number` of the event into the chunk, if it makes one.

        Returns its bytes, 0 where the change leaves everything as it is. Never raises.
        """
        at_ms = self._time(change, event)
        if not 0 <= at_ms < TIMES_END_MS:
            return NO_TIME
        place = b"%s%d/%d" % (self._source, event.offset, number)
        try:
            made = _made(change, hash_once, route, at_ms, place, chunk)
        except Exception as error:  # noqa: BLE001 - one event must not stop the others
            return failed("rendering", error)
        if made is None or isinstance(made, Rejected):
            return made or 0
        key, value = made
        size = len(key) + len(value)
        if size > self._limits.largest_record(route.topic):
            return _OVER_TOPIC
        partition = Partition(route.topic, partition_of(key))
        chunk.add(partition, route.lane, OutgoingRecord(key, value, []), size, at_ms)
        return size

    def _time(self, change: MembershipChange, event: Record) -> int:
        """By which statements about one member are ordered, in milliseconds.

        It is no later than the event was written: an add from the future could never be removed.
        The time of the message comes before our own clock, because it is the same when the event
        is read again.
        """
        now_ms = self._wall_ms()
        written_ms = min(event.timestamp, now_ms) if event.timestamp > 0 else now_ms
        if self._restates:
            return written_ms
        stated_ms = change.stated_at_ms
        return min(change.occurred_at_ms if stated_ms is None else stated_ms, written_ms)


def _made(
    change: MembershipChange,
    hash_once: HashOnce | None,
    route: MemberRoute,
    at_ms: int,
    place: bytes,
    chunk: Chunk,
) -> tuple[bytes, bytes] | Rejected | None:
    """Key and value of the record; None where everything stays as it is."""
    if change.action == "add":
        rendered = route.render(change, hash_once)
        if isinstance(rendered, Rejected):
            return rendered
        if not isinstance(rendered, Withheld):
            key = member_key(route.audience_id, rendered.member)
            return key, encode_rendered(at_ms, place, rendered.value)
        chunk.counts.withheld[route.lane.destination, rendered.reason] += 1
        # Who says no must leave; of who says nothing, a setting knows.
        if rendered.reason != "consent_denied" and not route.absent_consent_removes:
            return None
        change = change._replace(action="remove")
    # An id that may be an address or a number must not stand in our topics: the partner judges it.
    removed = route.render(change, None)
    if isinstance(removed, Rejected):
        return removed
    assert isinstance(removed, Rendered)
    key = member_key(route.audience_id, removed.member)
    return key, encode_removal(at_ms, place, is_withdrawal=change.is_withdrawal)
