"""Fetches that name only changed partitions, so that a request of a thousand idle lanes is cheap.

The client itself names all its partitions each time, and gets an answer for each. Since version 1.1
brokers remember what a consumer fetches (KIP-227). A request then names only the partitions whose
offset has changed, and an answer only those with something new.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.protocol.fetch import FetchRequest

FIRST_VERSION = 7
"""The first version of the request with sessions."""
BEGIN = 0
"""The epoch of a request that asks for a new session."""
LAST_EPOCH = 2**31 - 1
NOWHERE = -1
"""The offset for a partition that was not asked for; no valid position has it."""

Topics = list[tuple[str, list[tuple[int, int, int]]]]
"""A topic, and the number, offset and size of each of its partitions."""
Refused = Callable[[TopicPartition, type[Exception]], None]


class FetchSession:
    """The partitions that we fetch from one broker, and those that the broker remembers."""

    def __init__(self, request: Callable[[Topics], FetchRequest], partition_bytes: int) -> None:
        """`request` makes a fetch request with the options of the consumer."""
        self._request = request
        self._size = partition_bytes
        self._id = 0
        self._epoch = BEGIN
        self._wanted: dict[TopicPartition, int] = {}
        self._changed: set[TopicPartition] = set()
        """Partitions that have changed since the last request."""
        self._asked: dict[TopicPartition, int] = {}
        """The offsets that all requests of the session together have asked for."""

    def want(self, tp: TopicPartition, offset: int) -> None:
        """Fetch the partition from this offset on."""
        self._wanted[tp] = offset
        self._changed.add(tp)

    def leave(self, tp: TopicPartition) -> None:
        """Stop fetching the partition."""
        if self._wanted.pop(tp, None) is not None:
            self._changed.add(tp)

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to ask this broker for."""
        return bool(self._wanted)

    def build(self, version: Any) -> Any:
        """Build the next request: for changed partitions, or, without a session, for all."""
        is_known = version.API_VERSION >= FIRST_VERSION and self._epoch != BEGIN
        topics, forgotten = self._changes() if is_known else (self._everything(), [])
        built = self._request(topics).build(version)
        if version.API_VERSION < FIRST_VERSION:
            return built
        built.session_id, built.session_epoch = self._id, self._epoch
        built.forgotten_topics_data = forgotten
        return built

    def asked(self, response: Any) -> Topics:
        """Return the offset at which the request asked for each partition of its answer."""
        return [
            (
                topic,
                [
                    (one[0], self._asked.get(TopicPartition(topic, one[0]), NOWHERE), self._size)
                    for one in partitions
                ],
            )
            for topic, partitions in response.topics
        ]

    def answered(self, response: Any) -> None:
        """Note an answer; an answer with a session error ends the session."""
        session = getattr(response, "session_id", 0)
        if session == 0 or response.error_code:
            self.forget()
        else:
            self._id = session
            self._epoch = 1 if self._epoch == LAST_EPOCH else self._epoch + 1

    def forget(self) -> None:
        """Begin a new session: we do not know whether the broker got the last request.

        The next request still names the old session, so that the broker ends it. A broker has room
        for a thousand sessions, and keeps one that nobody ended for two minutes.
        """
        self._epoch = BEGIN

    def _everything(self) -> Topics:
        self._asked = dict(self._wanted)
        self._changed.clear()
        return self._by_topic(self._wanted)

    def _changes(self) -> tuple[Topics, list[tuple[str, list[int]]]]:
        """Return the partitions with a new offset, and those to fetch no more."""
        changed, self._changed = self._changed, set()
        wanted, asked = self._wanted, self._asked
        moved = [tp for tp in changed if tp in wanted and wanted[tp] != asked.get(tp)]
        gone = [tp for tp in changed if tp in asked and tp not in wanted]
        asked |= {tp: wanted[tp] for tp in moved}
        forgotten: defaultdict[str, list[int]] = defaultdict(list)
        for tp in gone:
            del asked[tp]
            forgotten[tp.topic].append(tp.partition)
        return self._by_topic(moved), list(forgotten.items())

    def _by_topic(self, partitions: Iterable[TopicPartition]) -> Topics:
        topics: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for tp in partitions:
            topics[tp.topic].append((tp.partition, self._wanted[tp], self._size))
        return list(topics.items())


class SessionFetch(FetchRequest):  # type: ignore[misc]
    """A fetch whose content is decided when it is written to the broker.

    Afterwards the library reads from it the offsets that were asked for, for the answer only.
    """

    def __init__(self, session: FetchSession) -> None:
        self._session = session
        self._answered: Topics = []

    @property
    def topics(self) -> Topics:
        return self._answered

    def build(self, request_struct_class: Any) -> Any:
        return self._session.build(request_struct_class)

    def answered(self, response: Any) -> None:
        self._answered = self._session.asked(response)
        self._session.answered(response)

    def failed(self) -> None:
        self._session.forget()


class SessionClient:
    """Wraps the client for the fetcher: gives answers to their sessions, and reports refusals.

    The library itself does not report a partition that a broker refuses to hand out.
    """

    def __init__(self, client: Any, refused: Refused) -> None:
        self._client = client
        self._refused = refused

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node_id: int, request: Any) -> Any:
        if not isinstance(request, SessionFetch):
            return await self._client.send(node_id, request)
        try:
            response = await self._client.send(node_id, request)
        except BaseException:
            request.failed()
            raise
        request.answered(response)
        for topic, partitions in response.topics:
            for partition, code, *_ in partitions:
                if code:
                    self._refused(TopicPartition(topic, partition), kafka_errors.for_code(code))
        return response
