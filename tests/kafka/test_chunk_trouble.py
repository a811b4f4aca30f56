"""Which topics are forbidden to a running ingest, and since when."""

from collections.abc import Iterator
from itertools import count

from aiokafka import errors as kafka_errors

from pipeline.kafka.chunk_trouble import ChunkTrouble
from tests.fakes.virtual_loop import run_virtual

ONE, OTHER = object(), object()
"""Writers of two source partitions."""


def told(*said: tuple[object, object]) -> ChunkTrouble:
    """What is known when these writers met a topic, or topics, that are forbidden, in this order.

    The clock goes on by one with each question.
    """
    times: Iterator[int] = count(1)
    trouble = ChunkTrouble(lambda: next(times))

    async def story() -> None:
        for writer, topics in said:
            error = kafka_errors.TopicAuthorizationFailedError(topics)
            assert await trouble.not_durable(error, writer) == "failed"

    run_virtual(story())
    return trouble


def test_a_topic_is_forbidden_since_it_was_met_first() -> None:
    trouble = told((ONE, "lane"), (OTHER, {"lane", "letters"}), (ONE, "lane"))

    assert trouble.forbidden["lane"] == 1
    assert set(trouble.forbidden) == {"lane", "letters"}


def test_it_is_no_longer_once_the_writer_that_met_it_has_written_to_it() -> None:
    """
    A chunk of another partition, or of other topics, proves nothing.
    """
    trouble = told((ONE, "lane"))

    trouble.durable(OTHER, {"lane"})
    trouble.durable(ONE, {"letters"})
    before = trouble.forbidden
    trouble.durable(ONE, {"lane", "letters"})

    assert (before, trouble.forbidden) == ({"lane": 1}, {})


def test_a_partition_that_is_lost_takes_its_trouble_with_it() -> None:
    trouble = told((ONE, "lane"), (OTHER, "letters"))

    trouble.closed(ONE)

    assert list(trouble.forbidden) == ["letters"]
