"""Asks the brokers what we may do with a topic, so that nothing has to be tried."""

from collections.abc import Mapping, Sequence
from os.path import commonprefix
from typing import Literal, TypeAlias

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from pipeline.kafka.internals import ask_broker

Operation: TypeAlias = Literal["Read", "Write", "Describe"]
NAMED = 3
"""Topics that a command names one by one; more of them get their common prefix."""
_BITS: Mapping[Operation, int] = {"Read": 1 << 3, "Write": 1 << 4, "Describe": 1 << 8}
"""Bits of the numbers that Kafka's protocol gives to operations (KIP-430)."""


class _Metadata8Response(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(
                ("node_id", Int32),
                ("host", String("utf-8")),
                ("port", Int32),
                ("rack", String("utf-8")),
            ),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _Metadata8Struct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _Metadata8Response
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _Permissions(Request[_Metadata8Struct]):  # type: ignore[misc]
    """The first version of the metadata request that names permissions; the client lacks it."""

    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = list(topics)

    def build(self, request_struct_class: type[_Metadata8Struct]) -> _Metadata8Struct:
        # Create no topic; ask about topics, not about the cluster.
        return request_struct_class(self._topics, False, False, True)


async def forbidden(
    admin: AIOKafkaAdminClient, topics: Sequence[str]
) -> Mapping[str, Sequence[Operation]]:
    """Return what we may not do with these topics; topics without a ban are absent.

    If the brokers may not tell us whether a topic exists, all operations on it are forbidden. Old
    brokers that do not know the request, or give no good answer, forbid nothing here.
    """
    try:
        answer = await ask_broker(admin, _Permissions(topics))
    except (NotImplementedError, kafka_errors.IncompatibleBrokerVersion):
        return {}
    found = {
        said["topic"]: _missing(said["error_code"], said["authorized_operations"])
        for said in answer.to_object()["topics"]
    }
    return {topic: missing for topic, missing in found.items() if missing}


def granting(topics: Sequence[str], operations: Sequence[str]) -> str:
    """What to do about operations that are forbidden; many topics are named by their namespace.

    >>> granting(["a.jobs"], ["Read"]).split(", ")[0]
    'grant it with: kafka-acls.sh --add --topic a.jobs --allow-principal User:NAME --operation Read'
    >>> granting(["a.b.c", "a.b.d", "a.be", "a.bf"], ["Read"]).split(" --allow")[0]
    'grant it with: kafka-acls.sh --add --topic a. --resource-pattern-type prefixed'
    """
    which = " ".join(f"--topic {topic}" for topic in topics)
    if len(topics) > NAMED:
        namespace, dot, _ = commonprefix(topics).rpartition(".")  # noqa: RUF071 - no paths
        which = f"--topic {namespace}{dot} --resource-pattern-type prefixed"
    what = " ".join(f"--operation {operation}" for operation in operations)
    return (
        f"grant it with: kafka-acls.sh --add {which} --allow-principal User:NAME {what}, and "
        "remove any rule that denies it"
    )


def _missing(error_code: int, allowed: int) -> Sequence[Operation]:
    """Return the forbidden ones of our three operations, by one topic of the answer.

    >>> _missing(0, 1 << 8 | 1 << 3)
    ['Write']
    >>> _missing(kafka_errors.TopicAuthorizationFailedError.errno, -2147483648)
    ['Read', 'Write', 'Describe']
    >>> _missing(kafka_errors.UnknownTopicOrPartitionError.errno, 0), _missing(0, -2147483648)
    ([], [])
    """
    if error_code == kafka_errors.TopicAuthorizationFailedError.errno:
        return list(_BITS)
    if error_code or allowed < 0 or not allowed & _BITS["Describe"]:
        return []  # the broker described the topic, so it did not fill in the permissions
    return [operation for operation, bit in _BITS.items() if not allowed & bit]
