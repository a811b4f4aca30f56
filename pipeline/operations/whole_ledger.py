"""Reads the ledger of one lane or of all lanes from the topics."""

from collections.abc import Mapping

from pipeline.configuration.kafka import KafkaSettings
from pipeline.domain.names import Names
from pipeline.operations.cluster_setup import JOB_DAYS, reader
from pipeline.operations.ledger.ledger_reading import Told, ledger_topics, read_ledger
from pipeline.operations.trouble import OperationFailed
from pipeline.settings.problems import suggestion

MOST_HOURS = JOB_DAYS * 24 - 1
"""Older jobs may be deleted from their topic, and their records would have no end."""


async def whole_ledger(kafka: KafkaSettings, lane: str | None, since_ms: int) -> Told:
    """The ledger of one lane (by its name or its connection) or of all.

    Raises:
        OperationFailed: there is no such lane.
        ClusterTrouble: the cluster cannot be reached, or has no such topics.
    """
    names = Names(kafka.namespace)
    async with reader(kafka) as open_reader:
        lanes = _chosen(names.lanes(open_reader.topics), lane)
        return await read_ledger(open_reader, ledger_topics(names, lanes), since_ms)


def _chosen(lanes: Mapping[str, str], requested: str | None) -> Mapping[str, str]:
    if requested is None:
        return lanes
    chosen = {
        lane: topic for lane, topic in lanes.items() if requested in (lane, lane.partition(".")[2])
    }
    if not chosen:
        nearest = suggestion(requested, sorted(lanes))
        raise OperationFailed(f"--lane: no lane {requested!r}; {nearest}")
    return chosen
