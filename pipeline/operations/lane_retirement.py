"""Deletes a lane that left the configuration, with all records that wait in it."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes
from pipeline.domain.names import Names
from pipeline.kafka.cluster import admin_client
from pipeline.kafka.topics import Topics
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.lane_topics import facts_of, lane_topics
from pipeline.operations.pauses import Place, read_pause_requests, request_pauses
from pipeline.operations.trouble import OperationFailed, UsageRefused
from pipeline.settings.problems import suggestion

DELETE_TIMEOUT_MS = 30_000


@dataclass(frozen=True, slots=True)
class LaneLeft:
    """A lane that is not in the configuration."""

    lane: str
    topic: str
    waiting: int


async def find_left(settings: Settings, lane: str) -> LaneLeft:
    """The lane that `retire_lane` would delete.

    Raises:
        UsageRefused: the lane is in the configuration.
        OperationFailed: there is no such lane.
    """
    if lane in {one.name for one in lanes(settings)}:
        raise UsageRefused(f"lane {lane} is in the configuration: first remove its targets there")
    prefix = Names(settings.kafka.namespace).lane_prefix
    topic = prefix + lane
    async with _admin(settings) as admin:
        _, left = lane_topics(settings, await Topics(admin, None).partitions())
        if topic not in left:
            known = [one.removeprefix(prefix) for one in left]
            raise OperationFailed(
                f"no lane {lane!r} has left the configuration; "
                f"{suggestion(lane, known) if known else 'none has'}"
            )
        [facts] = await facts_of(settings, admin, client_options(settings.kafka), [topic])
    return LaneLeft(lane, topic, facts.waiting)


async def retire_lane(settings: Settings, left: LaneLeft) -> None:
    """Delete the lane's topic, then its pause requests, so that a new lane of the name has none.

    Raises:
        OperationFailed: the brokers do not delete the topic.
    """
    async with _admin(settings) as admin:
        answer = await admin.delete_topics([left.topic], timeout_ms=DELETE_TIMEOUT_MS)
    for name, code, *_ in answer.topic_error_codes:
        if code:
            raise OperationFailed(
                f"topic {name} cannot be deleted ({kafka_errors.for_code(code).__name__}); delete "
                f"it with: kafka-topics.sh --delete --topic {name}"
            )
    requests = await read_pause_requests(settings)
    forgotten = [Place(left.lane, audience, ()) for audience in requests.get(left.lane, {})]
    if forgotten:
        await request_pauses(settings, forgotten, is_paused=None)


def _admin(settings: Settings) -> AbstractAsyncContextManager[AIOKafkaAdminClient]:
    kafka = settings.kafka
    return admin_client(client_options(kafka), kafka.answer_seconds())
