"""Asks brokers for the first offsets and ends of partitions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.protocol.offset import OffsetRequest

from pipeline.kafka.internals import client_of, isolation_of

OLDEST, END = -2, -1
"""The two offsets that can be asked for."""


async def offsets_at(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], at: int
) -> Mapping[TopicPartition, int | type[Exception]]:
    """Return the oldest offset or the end of each partition, or the error of its answer.

    The library's own call fails for all partitions if it fails for one. Raises `KafkaError` if a
    broker does not answer at all.
    """
    client, isolation = client_of(consumer), isolation_of(consumer)
    by_node: defaultdict[int, defaultdict[str, list[tuple[int, int]]]]
    by_node = defaultdict(lambda: defaultdict(list))
    found: dict[TopicPartition, int | type[Exception]] = {}
    for tp in partitions:
        node = client.cluster.leader_for_partition(tp)
        if node is None or node == -1:
            client.force_metadata_update()
            found[tp] = kafka_errors.LeaderNotAvailableError
        else:
            by_node[node][tp.topic].append((tp.partition, at))
    for node, topics in by_node.items():
        response = await client.send(node, OffsetRequest(-1, isolation, list(topics.items())))
        for topic, answers in response.topics:
            for partition, code, *said in answers:
                error = kafka_errors.for_code(code)
                found[TopicPartition(topic, partition)] = error if code else said[-1]
                if code and error.invalid_metadata:
                    client.force_metadata_update()
    return found
