"""Fetches that name only what has changed: with a thousand idle lanes a request costs nothing.

The client names all its partitions each time and gets an answer for each. Brokers remember since
version 1.1 what a consumer fetches (KIP-227): a request then names the partitions whose offset has
changed, and an answer those that have something new.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.protocol.fetch import FetchRequest

FIRST_VERSION = 7
"""Of the request, that knows sessions."""
BEGIN = 0
"""The epoch of a request that asks for a new session."""
LAST_EPOCH = 2**31 - 1
NOWHERE = -1
"""The offset of a partition that was not asked for: no position is there."""

Topics = list[tuple[str, list[tuple[int, int, int]]]]
"""Topic, then partition, offset and size of each of its partitions."""
Refused = Callable[[TopicPartition, type[Exception]], None]


class FetchSession:
    """What one broker is to hand out, and what it remembers of that."""

    def __init__(self, request: Callable[[Topics], FetchRequest], partition_bytes: int) -> None:
        """`request` makes a fetch of these partitions with the options of the consumer."""
        self._request = request
        self._size = partition_bytes
        self._id = 0
        self._epoch = BEGIN
        self._wanted: dict[TopicPartition, int] = {}
        self._changed: set[TopicPartition] = set()
        """Since the last request."""
        self._asked: dict[TopicPartition, int] = {}
        """What the last request asked for, with all before it in the session."""

    def want(self, tp: TopicPartition, offset: int) -> None:
        """Have the partition handed out from this offset on."""
        self._wanted[tp] = offset
        self._changed.add(tp)

    def leave(self, tp: TopicPartition) -> None:
        """Have nothing of the partition any more."""
        if self._wanted.pop(tp, None) is not None:
            self._changed.add(tp)

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to ask this broker for."""
        return bool(self._wanted)

    def build(self, version: Any) -> Any:
        """The next request: for what has changed, or for everything where nobody remembers."""
        is_known = version.API_VERSION >= FIRST_VERSION and self._epoch != BEGIN
        topics, forgotten = self._changes() if is_known else (self._everything(), [])
        built = self._request(topics).build(version)
        if version.API_VERSION < FIRST_VERSION:
            return built
        built.session_id, built.session_epoch = self._id, self._epoch
        built.forgotten_topics_data = forgotten
        return built

    def asked(self, response: Any) -> Topics:
        """Where each partition of an answer was asked for, by the request that it is for."""
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
        """Take note of an answer; one with an error of the session ends the session."""
        session = getattr(response, "session_id", 0)
        if session == 0 or response.error_code:
            self.forget()
        else:
            self._id = session
            self._epoch = 1 if self._epoch == LAST_EPOCH else self._epoch + 1

    def forget(self) -> None:
        """Begin anew: nobody knows whether the broker got the last request.

        The next one still names the session, and the broker ends it: it has room for a thousand,
        and would refuse new ones for two minutes after each that nobody ended.
        """
        self._epoch = BEGIN

    def _everything(self) -> Topics:
        self._asked = dict(self._wanted)
        self._changed.clear()
        return self._by_topic(self._wanted)

    def _changes(self) -> tuple[Topics, list[tuple[str, list[int]]]]:
        """What to ask for elsewhere than before, and what not to ask for any more."""
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
    """A fetch whose content is settled when it is written to the broker.

    Afterwards the library asks it at which offsets it asked for what came, and for no more.
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
    """The client as the fetcher sees it: sessions follow what comes, and who is refused is told.

    The library names a partition that a broker refuses to hand out nowhere.
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
