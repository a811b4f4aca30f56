"""Finds out whether a group without offsets starts for the first time, or lost its offsets."""

from collections.abc import Sequence

from aiokafka import errors as kafka_errors

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topic_reader import reading

ANSWER_SECONDS = 10.0


async def were_written(client_options: ClientOptions, topics: Sequence[str]) -> bool:
    """Whether a record was ever written to one of these topics, even if it is deleted now.

    Raises `aiokafka.errors.KafkaError` when the brokers do not say.
    """
    try:
        async with reading(client_options, committed_only=False, patience=ANSWER_SECONDS) as reader:
            existing = [topic for topic in topics if topic in reader.topics]
            return any((await reader.named_ends(reader.partitions(*existing))).values())
    except ClusterTrouble as trouble:
        raise kafka_errors.KafkaConnectionError(str(trouble)) from trouble
