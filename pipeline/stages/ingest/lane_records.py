"""Makes the lane record of one change on one route, and measures it before any other use."""

from pathlib import PurePath
from traceback import walk_tb
from typing import Final

from pipeline.domain.change import MembershipChange
from pipeline.domain.lane_record import HEADER, encode_header, member_key
from pipeline.domain.reasons import Rejected, Rendered, Withheld
from pipeline.identity.hashing import HashOnce
from pipeline.stages.ingest.chunk import Chunk
from pipeline.stages.ingest.route import Route
from pipeline.stages.ingest.topic_limits import TopicLimits
from pipeline.stages.ports import OutgoingRecord

TIMES_END_MS: Final = 10**15
"""The time of a change is at least 0 and below this: a lane record can hold no other."""
_HEADER_BYTES: Final = len(HEADER)

NO_TIME: Final = Rejected("malformed", "occurred_at: lies before 1970 or too far in the future")
_OVER_REQUEST: Final = Rejected(
    "record_too_large", "one record is over batch.max_bytes of its destination"
)
_OVER_TOPIC: Final = Rejected(
    "record_too_large", "one record is over max.message.bytes of the topic of its lane"
)


class LaneRecords:
    """Renders and measures records; puts those into the chunk that fit their lane and topic."""

    def __init__(self, *, partition: int, limits: TopicLimits) -> None:
        self._partition = partition
        self._limits = limits

    def add(
        self,
        change: MembershipChange,
        hash_once: HashOnce | None,
        route: Route,
        offset: int,
        chunk: Chunk,
    ) -> int | Rejected:
        """Put one record into the chunk; return its bytes, 0 where consent forbids it."""
        at_ms = change.occurred_at_ms
        if not 0 <= at_ms < TIMES_END_MS:
            return NO_TIME
        try:
            rendered = route.render(change, hash_once)
            if not isinstance(rendered, Rendered):
                return _no_record(rendered, route, chunk)
            member, value = rendered
            key = member_key(route.audience_id, member)
            headers = encode_header(change.action, at_ms, route.route, self._partition, offset)
        except Exception as error:  # noqa: BLE001 - one event must not stop the others
            return failed("rendering", error)
        size = len(key) + len(value) + _HEADER_BYTES + len(headers[0][1])
        if len(value) > route.largest_value:
            return _OVER_REQUEST
        partition = route.partition
        if size > self._limits.largest_record(partition.topic):
            return _OVER_TOPIC
        chunk.add(partition, route.lane, OutgoingRecord(key, value, headers), size, at_ms)
        return size


def _no_record(said: Withheld | Rejected, route: Route, chunk: Chunk) -> int | Rejected:
    if isinstance(said, Rejected):
        return said
    chunk.counts.withheld[route.lane.destination, said.reason] += 1
    return 0


def failed(doing: str, error: Exception) -> Rejected:
    """Describe a fault of ours on one event: the place in our code, and nothing of the event."""
    *_, (frame, line) = walk_tb(error.__traceback__)
    place = f"{PurePath(frame.f_code.co_filename).name}, line {line}"
    return Rejected("internal", f"{doing} failed with {type(error).__name__} ({place})")
