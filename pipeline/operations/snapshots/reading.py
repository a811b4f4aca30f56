"""Reads the owner's topic of a destination: states, runs and requests of operators."""

from dataclasses import dataclass, field, replace

from pipeline.configuration.kafka import KafkaSettings
from pipeline.domain.member_record import LAYOUT_KEY
from pipeline.domain.names import Names
from pipeline.kafka.topic_reader import PlacedRecord
from pipeline.operations.cluster_setup import reader
from pipeline.stages.snapshot.members_trouble import MembersTrouble
from pipeline.stages.snapshot.operator_requests import (
    PREFIX,
    OperatorRequest,
    Unreadable,
    decode_request,
)
from pipeline.stages.snapshot.run_records import (
    AudienceState,
    RunRecord,
    UnreadableState,
    decode_run,
    decode_state,
)


@dataclass(slots=True)
class ToldSnapshots:
    """The latest state of each audience and run of one destination; ids are the partner's."""

    states: dict[str, AudienceState] = field(default_factory=dict)
    runs: dict[tuple[str, int], RunRecord] = field(default_factory=dict)
    requests: dict[str, OperatorRequest] = field(default_factory=dict)
    layout_offset: int = -1
    """The offset of the newest layout message of the members topic."""
    trouble: MembersTrouble | None = None
    """The fault of the members topic; None also if nobody checked."""
    unreadable: int = 0
    """The number of messages that this version cannot read."""

    def state(self, audience: str) -> AudienceState:
        return self.states.get(audience, AudienceState())

    def take(self, record: PlacedRecord) -> None:
        """Take the next message; it replaces earlier messages with the same key."""
        kind, _, rest = (record.key or b"").decode(errors="replace").partition("|")
        try:
            if kind == "a":
                self._take_state(rest, record)
            elif kind == "r":
                self._take_run(rest, record.value)
            elif record.key == LAYOUT_KEY:
                self.layout_offset = record.offset
            elif (record.key or b"").startswith(PREFIX):
                self._take_request(rest, record)
        except (UnreadableState, ValueError):
            self.unreadable += 1

    def _take_state(self, audience: str, record: PlacedRecord) -> None:
        if record.value is None:
            self.states.pop(audience, None)
            return
        state = decode_state(record.value)
        # The number of a snapshot is the offset of the message that begins it.
        number = record.offset if state.state == "reading" else state.n
        self.states[audience] = replace(state, n=number)

    def _take_run(self, rest: str, value: bytes | None) -> None:
        audience, _, number = rest.rpartition("|")
        if value is None:
            self.runs.pop((audience, int(number)), None)
        else:
            self.runs[audience, int(number)] = decode_run(value)

    def _take_request(self, audience: str, record: PlacedRecord) -> None:
        if record.value is None:
            self.requests.pop(audience, None)
            return
        request = decode_request(record.value, record.offset)
        if isinstance(request, Unreadable):
            self.unreadable += 1
        else:
            self.requests[audience] = request


async def read_snapshots(kafka: KafkaSettings, destination: str) -> ToldSnapshots:
    """Read everything that the owner of a destination's snapshots has written.

    Raises:
        ClusterTrouble: the cluster cannot be reached, or no run has made the topic yet.
    """
    told = ToldSnapshots()
    async with reader(kafka) as open_reader:
        partitions = open_reader.partitions(Names(kafka.namespace).snapshots(destination))
        starts = await open_reader.oldest(partitions)
        await open_reader.read(starts, await open_reader.ends(starts), told.take)
    return told
