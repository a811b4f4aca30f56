"""Makes the member record of one change on one route to the topic of all memberships, or none.

A remove needs only the member's id. So a remove is rejected only for an id that our topics must not
hold. For an add, the partner's renderer decides: the record says that the person is a member, or,
if the person's consent is denied, that the person is out.
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
    """Puts member records into the chunk: who is a member, and who is out."""

    def __init__(
        self,
        *,
        source: Partition,
        restates: bool,
        limits: TopicLimits,
        wall_ms: Callable[[], int],
    ) -> None:
        """`restates`: a change counts from the time its event was written, however old it is."""
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
        """Put the record of change `number` of the event into the chunk, if the change makes one.

        Returns the record's bytes, 0 if the change makes none. Never raises.
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
        """Return the time that orders the statements about one member, in milliseconds.

        The time is not later than the event was written: an add from the future could never be
        removed. The message's time is better than our clock, because it is the same when the event
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
    """Return key and value of the record; None where the change makes no record."""
    if change.action == "add":
        rendered = route.render(change, hash_once)
        if isinstance(rendered, Rejected):
            return rendered
        if not isinstance(rendered, Withheld):
            key = member_key(route.audience_id, rendered.member)
            return key, encode_rendered(at_ms, place, rendered.value)
        chunk.counts.withheld[route.lane.destination, rendered.reason] += 1
        # A person who says no must leave; for a person who says nothing, a setting decides.
        if rendered.reason != "consent_denied" and not route.absent_consent_removes:
            return None
        change = change._replace(action="remove")
    # Our topics must not hold an id that may be an address or a number: the renderer checks it.
    removed = route.render(change, None)
    if isinstance(removed, Rejected):
        return removed
    assert isinstance(removed, Rendered)
    key = member_key(route.audience_id, removed.member)
    return key, encode_removal(at_ms, place, is_withdrawal=change.is_withdrawal)
