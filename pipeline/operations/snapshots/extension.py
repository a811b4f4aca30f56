"""Refuses the partner's own renewal of an audience if a member was removed since its last file.

The partner renews an audience with the file that it has, and so brings back everybody in that file.
A remove that a pass wrote again also counts: its first record, newer than the file, may be gone.
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
    """Refuse a renewal that could bring a removed member back.

    Raises:
        OperationFailed: a member was removed since the last good file, or this is not known.
        ClusterTrouble: the brokers do not answer.
    """
    told = await read_snapshots(kafka, destination)
    ingested = told.state(audience).ingested
    if ingested is None or ingested.n < told.layout_offset:
        raise OperationFailed(
            f"audience {audience} of {destination}: no good run of it is known, so we cannot tell "
            f"who would come back; {INSTEAD}"
        )
    if any(_is_older(run, audience, ingested) for run in told.runs.values()):
        raise OperationFailed(
            f"audience {audience} of {destination}: a run of an older file ended after the last "
            f"good one or still goes on, so the partner may use that file; {INSTEAD}"
        )
    removes = _Removes(audience.encode())
    async with reader(kafka) as open_reader:
        everywhere = open_reader.partitions(Names(kafka.namespace).members(destination))
        starts = {
            tp: ingested.ends[tp.partition] for tp in everywhere if tp.partition in ingested.ends
        }
        oldest, ends = await open_reader.oldest(starts), await open_reader.ends(starts)
        if any(not oldest[tp] <= start <= ends[tp] for tp, start in starts.items()):
            raise OperationFailed(
                f"audience {audience} of {destination}: the topic of memberships lost records "
                "since its last good file, so we cannot tell who would come back; "
                "see `check --online`"
            )
        await open_reader.read(starts, ends, removes.take)
    if removes.count:
        raise OperationFailed(
            f"audience {audience} of {destination}: removes were written since its last good "
            f"file ({removes.count}), which would bring these members back; {INSTEAD}"
        )


def _is_older(run: RunRecord, audience: str, ingested: Ingested) -> bool:
    """Whether the partner may have ingested an older file after the last good one."""
    may_have_ended = run.ended_ms is None or run.ended_ms > ingested.at_ms
    is_one = run.audience == audience and run.run_id is not None and run.end != "failed"
    return is_one and run.n < ingested.n and may_have_ended


class _Removes:
    """Counts records that remove a member; unreadable ones count, because they may remove one."""

    def __init__(self, audience: bytes) -> None:
        self._audience = audience
        self.count = 0

    def take(self, record: PlacedRecord) -> None:
        if audience_part(record.key or b"") != self._audience:
            return
        said = None if record.value is None else decode_member(record.value)
        self.count += not (isinstance(said, MemberRecord) and said.is_member)
