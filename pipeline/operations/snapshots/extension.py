"""Whether the last good file of an audience may be ingested once more: not after a remove.

The partner's own renewal takes the file that it has, and puts back everybody who was in it. So it
is refused where anybody was removed since. A remove that a pass has written again counts, too: it
may be all that is left of one that is newer than the file.
"""

from pipeline.configuration.kafka import KafkaSettings
from pipeline.domain.member_record import MemberRecord, audience_part, decode_member
from pipeline.domain.names import Names
from pipeline.kafka.topic_reader import PlacedRecord
from pipeline.operations.cluster_setup import reader
from pipeline.operations.snapshots.reading import read_snapshots
from pipeline.operations.trouble import OperationFailed
from pipeline.stages.snapshot.run_records import Ingested, RunRecord

INSTEAD = "`runs start` renews the audience with a new file instead"


async def refuse_after_removes(kafka: KafkaSettings, destination: str, audience: str) -> None:
    """Nothing, where nobody can be brought back.

    Raises:
        OperationFailed: somebody was removed since the last good file, or nobody knows.
        ClusterTrouble: the brokers do not say.
    """
    told = await read_snapshots(kafka, destination)
    ingested = told.state(audience).ingested
    if ingested is None:
        raise OperationFailed(
            f"audience {audience} of {destination}: no good run of it is known, so nobody can tell "
            f"who would come back; {INSTEAD}"
        )
    if any(_is_older(run, audience, ingested) for run in told.runs.values()):
        raise OperationFailed(
            f"audience {audience} of {destination}: the run of an older file ended after the last "
            f"good one or goes on, so the partner may have that one; {INSTEAD}"
        )
    removes = _Removes(audience.encode())
    async with reader(kafka) as open_reader:
        everywhere = open_reader.partitions(Names(kafka.namespace).members(destination))
        starts = {
            tp: ingested.ends[tp.partition] for tp in everywhere if tp.partition in ingested.ends
        }
        await open_reader.read(starts, await open_reader.ends(starts), removes.take)
    if removes.count:
        raise OperationFailed(
            f"audience {audience} of {destination}: removes were written since its last good "
            f"file ({removes.count}), which would bring these members back; {INSTEAD}"
        )


def _is_older(run: RunRecord, audience: str, ingested: Ingested) -> bool:
    """Whether the partner may have taken an older file of the audience after its last good one."""
    may_have_ended = run.ended_ms is None or run.ended_ms > ingested.at_ms
    is_one = run.audience == audience and run.run_id is not None and run.end != "failed"
    return is_one and run.n < ingested.n and may_have_ended


class _Removes:
    """Counts whatever says that somebody left; what cannot be read may say it."""

    def __init__(self, audience: bytes) -> None:
        self._audience = audience
        self.count = 0

    def take(self, record: PlacedRecord) -> None:
        if audience_part(record.key or b"") != self._audience:
            return
        said = None if record.value is None else decode_member(record.value)
        self.count += not (isinstance(said, MemberRecord) and said.is_member)
