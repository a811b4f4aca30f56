"""Why chunks of ingest do not become durable: logged once a minute, and shown while it lasts."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import structlog
from aiokafka import errors as kafka_errors

from pipeline.kafka.sending import raise_permanent
from pipeline.kafka.topic_permissions import Operation
from pipeline.stages.ports import Carried

_FORBIDDEN = kafka_errors.TopicAuthorizationFailedError
_TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)
NEEDED: Final[Sequence[Operation]] = ("Write", "Describe")
"""What ingest needs on each topic that it writes to."""
TRY_AGAIN_SECONDS = 0.5
FORBIDDEN_SECONDS = 5.0
"""How long a chunk waits for its next try when the brokers forbid one of its topics."""
SAY_AGAIN_SECONDS = 60.0
log = structlog.get_logger(__name__)


class ChunkTrouble:
    """The trouble of all writers of a process; each writer reports its own."""

    def __init__(self, wall_ms: Callable[[], int]) -> None:
        self._wall_ms = wall_ms
        self._say_again_at: dict[str, float] = {}
        self._forbidden: dict[tuple[object, str], int] = {}
        """When it began, in milliseconds, by writer and topic."""

    @property
    def forbidden(self) -> Mapping[str, int]:
        """Topics that ingest may not write to now, each with the time when it began, in ms."""
        since: dict[str, int] = {}
        for (_, topic), at_ms in self._forbidden.items():
            since[topic] = min(at_ms, since.get(topic, at_ms))
        return since

    async def not_durable(self, error: BaseException, writer: object) -> Carried:
        """Log the error, wait, and return what the chunk's writer does next.

        We wait for a forbidden topic, because somebody can allow it again, and because the stages
        beside ingest do not need it.

        Raises:
            KafkaError: `error`, if no later try can succeed.
        """
        if isinstance(error, _FORBIDDEN):
            for topic in _named_topics(error):
                self._forbidden.setdefault((writer, topic), self._wall_ms())
            self._say(error, "a topic is forbidden to us: grant Write and Describe on it")
            await asyncio.sleep(FORBIDDEN_SECONDS)
            return "failed"
        if isinstance(error, _TOO_LARGE):
            self._say(error)
            return "too_large"
        raise_permanent(error, "one of our topics")
        self._say(error)
        await asyncio.sleep(TRY_AGAIN_SECONDS)
        return "timed_out" if isinstance(error, TimeoutError) else "failed"

    def durable(self, writer: object, topics: Collection[str]) -> None:
        """Forget what was forbidden: this writer has written to these topics."""
        if self._forbidden:
            self._forget([(writer, topic) for topic in topics])

    def closed(self, writer: object) -> None:
        """Forget what this writer reported; the next owner of its partition reports anew."""
        self._forget([one for one in self._forbidden if one[0] is writer])

    def _forget(self, found: Sequence[tuple[object, str]]) -> None:
        for one in found:
            self._forbidden.pop(one, None)

    def _say(self, error: BaseException, why: str = "") -> None:
        """Log the error at most once a minute."""
        name, now = type(error).__name__, asyncio.get_running_loop().time()
        if now < self._say_again_at.get(name, now):
            return
        self._say_again_at[name] = now + SAY_AGAIN_SECONDS
        topics = sorted(_named_topics(error))
        log.warning("chunk not durable, carrying again", error=name, why=why, topics=topics)


def _named_topics(error: BaseException) -> AbstractSet[str]:
    """Return the topics in the error; the client puts one name or a set of names into it."""
    if not isinstance(error, _FORBIDDEN) or not error.args:
        return frozenset()
    said = error.args[0]
    return frozenset([said] if isinstance(said, str) else said)
