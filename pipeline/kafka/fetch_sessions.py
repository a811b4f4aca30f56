"""Fetches that name only what has changed: with a thousand idle lanes an answer costs nothing.

The client asks for all its partitions each time and gets an answer for each. Brokers remember
since version 1.1 what a consumer fetches (KIP-227): a request then names the partitions whose
offset has changed, and an answer those that have something new.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.protocol.fetch import FetchRequest

from pipeline.kafka.internals import with_topics, wrap_fetch_client

FIRST_VERSION = 7
"""Of the request, that knows sessions."""
BEGIN = 0
"""The epoch of a request that asks for a new session."""
LAST_EPOCH = 2**31 - 1

Place = tuple[int, int]
"""Offset and size asked for."""
Refused = Callable[[TopicPartition, type[Exception]], None]


class FetchSession:
    """What one broker remembers of this consumer."""

    def __init__(self) -> None:
        self._id = 0
        self._epoch = BEGIN
        self._sent: Mapping[tuple[str, int], Place] = {}

    def request(self, whole: FetchRequest) -> "SessionRequest":
        """What to send in place of a request for everything."""
        wanted = {
            (topic, partition): (offset, size)
            for topic, partitions in whole.topics
            for partition, offset, size in partitions
        }
        sent, self._sent = self._sent, wanted
        changed = [tp for tp, place in wanted.items() if sent.get(tp) != place]
        topics: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for topic, partition in changed:
            topics[topic].append((partition, *wanted[topic, partition]))
        return SessionRequest(
            whole,
            with_topics(whole, list(topics.items())),
            session=self._id,
            epoch=self._epoch,
            forgotten=_by_topic(sent.keys() - wanted.keys()),
        )

    def answered(self, response: Any) -> None:
        """Take note of an answer; one with an error of the session ends the session."""
        session = getattr(response, "session_id", 0)
        if session == 0 or response.error_code:
            self.forget()
        else:
            self._id = session
            self._epoch = 1 if self._epoch == LAST_EPOCH else self._epoch + 1

    def forget(self) -> None:
        """Begin anew: nobody knows whether the broker got the last request."""
        self._id, self._epoch, self._sent = 0, BEGIN, {}


class SessionRequest(FetchRequest):  # type: ignore[misc]
    """A fetch in a session; a broker that knows none is asked for everything."""

    def __init__(
        self,
        whole: FetchRequest,
        changes: FetchRequest,
        *,
        session: int,
        epoch: int,
        forgotten: list[tuple[str, list[int]]],
    ) -> None:
        self._whole = whole
        self._changes = changes
        self._session = session
        self._epoch = epoch
        self._forgotten = forgotten

    def build(self, request_struct_class: Any) -> Any:
        """As the library's, with the fields of the session, which that leaves empty."""
        if request_struct_class.API_VERSION < FIRST_VERSION:
            return self._whole.build(request_struct_class)
        request = self._changes if self._session else self._whole
        built = request.build(request_struct_class)
        built.session_id, built.session_epoch = self._session, self._epoch
        built.forgotten_topics_data = self._forgotten if self._session else []
        return built


class SessionClient:
    """The client as the fetcher sees it: a session with each broker, and who is refused is told.

    The library names a partition that a broker refuses to hand out nowhere.
    """

    def __init__(self, client: Any, refused: Refused) -> None:
        self._client = client
        self._refused = refused
        self._sessions: defaultdict[int, FetchSession] = defaultdict(FetchSession)
        self.cluster = client.cluster
        """Looked at for each partition at each fetch."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node_id: int, request: Any) -> Any:
        if not isinstance(request, FetchRequest):
            return await self._client.send(node_id, request)
        session = self._sessions[node_id]
        try:
            response = await self._client.send(node_id, session.request(request))
        except BaseException:
            session.forget()
            raise
        session.answered(response)
        for topic, partitions in response.topics:
            for partition, code, *_ in partitions:
                if code:
                    self._refused(TopicPartition(topic, partition), kafka_errors.for_code(code))
        return response


def use_sessions(consumer: AIOKafkaConsumer, refused: Refused) -> None:
    """Let a consumer that was started fetch in sessions, and be told what it is refused."""
    wrap_fetch_client(consumer, lambda client: SessionClient(client, refused))


def _by_topic(partitions: Iterable[tuple[str, int]]) -> list[tuple[str, list[int]]]:
    topics: defaultdict[str, list[int]] = defaultdict(list)
    for topic, partition in partitions:
        topics[topic].append(partition)
    return list(topics.items())
