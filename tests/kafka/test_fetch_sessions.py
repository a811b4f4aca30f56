"""Fetches in sessions: a broker always knows what a request for everything would have said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v4, FetchRequest_v11
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kafka.fetch_sessions import FetchSession, SessionClient, SessionRequest

UNKNOWN_SESSION, WRONG_EPOCH = 70, 71

Place = tuple[str, int]


@dataclass(slots=True)
class SessionBroker:
    """One broker's memory of one consumer, as KIP-227 has it."""

    session: int = 0
    epoch: int = 0
    known: dict[Place, int] = field(default_factory=dict)
    has_room: bool = True
    named: list[int] = field(default_factory=list)
    """How many partitions each request named."""

    def answer(self, request: SessionRequest) -> SimpleNamespace:
        built = FetchRequest_v11.decode(request.build(FetchRequest_v11).encode())
        named = {
            (topic, partition): offset
            for topic, partitions in built.topics
            for partition, _, offset, _, _ in partitions
        }
        self.named.append(len(named))
        if built.session_epoch == 0:
            self.session += 1
            self.epoch, self.known = 1, named
            return _response(self.session if self.has_room else 0)
        if built.session_id != self.session:
            return _response(0, UNKNOWN_SESSION)
        if built.session_epoch != self.epoch:
            return _response(0, WRONG_EPOCH)
        self.epoch += 1
        for topic, partitions in built.forgotten_topics_data:
            for partition in partitions:
                del self.known[topic, partition]
        self.known |= named
        return _response(self.session)


def _response(session: int, error: int = 0) -> SimpleNamespace:
    return SimpleNamespace(session_id=session, error_code=error, topics=[])


def _whole(places: Mapping[Place, int]) -> FetchRequest:
    topics = [(topic, [(partition, offset, 100)]) for (topic, partition), offset in places.items()]
    return FetchRequest(500, 1, 1000, 1, topics)


places = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(0, 1)), st.integers(0, 5), max_size=6
)
mishaps = st.sampled_from(["none", "none", "none", "lost", "unheard", "evicted", "full"])


@given(st.lists(st.tuples(places, mishaps), max_size=20))
def test_whatever_is_lost_the_broker_hands_out_what_the_client_asks_for(
    story: Sequence[tuple[Mapping[Place, int], str]],
) -> None:
    """
    Requests that do not arrive, answers that do not, and brokers that forget or have no room.
    """
    broker, session = SessionBroker(), FetchSession()

    for wanted, mishap in story:
        if mishap == "evicted":
            broker.session += 7
        broker.has_room = mishap != "full"
        request = session.request(_whole(wanted))
        if mishap == "lost":
            session.forget()
            continue
        response = broker.answer(request)
        if mishap == "unheard":
            session.forget()
            continue
        session.answered(response)
        if not response.error_code:
            assert broker.known == wanted


def test_a_thousand_partitions_of_which_one_moves_cost_a_request_for_one() -> None:
    broker, session = SessionBroker(), FetchSession()
    wanted = {(f"lane-{number}", 0): 0 for number in range(1000)}

    for offset in (0, 1, 2):
        wanted["lane-7", 0] = offset
        session.answered(broker.answer(session.request(_whole(wanted))))

    assert broker.named == [1000, 1, 1]


def test_a_broker_that_knows_no_sessions_is_asked_for_everything() -> None:
    session = FetchSession()
    wanted = _whole({("a", 0): 1, ("b", 0): 2})

    session.request(wanted)
    again = session.request(wanted)

    assert again.build(FetchRequest_v4) == wanted.build(FetchRequest_v4)


@dataclass(slots=True)
class OneAnswer:
    """A line to a broker that answers all the same."""

    response: SimpleNamespace | Exception
    cluster: object = None

    async def send(self, node_id: int, request: object) -> SimpleNamespace:
        if isinstance(self.response, Exception):
            raise self.response
        return self.response


async def test_a_partition_that_is_refused_is_told_by_name_and_the_others_are_not() -> None:
    refused: list[tuple[TopicPartition, type[Exception]]] = []
    answer = _response(3)
    answer.topics = [("a", [(0, 0, 7), (1, 56, -1)])]
    client = SessionClient(OneAnswer(answer), lambda *said: refused.append(said))

    assert await client.send(1, _whole({("a", 0): 7, ("a", 1): 7})) is answer

    assert refused == [(TopicPartition("a", 1), kafka_errors.for_code(56))]


async def test_a_request_that_failed_begins_a_new_session() -> None:
    client = SessionClient(OneAnswer(kafka_errors.KafkaConnectionError()), lambda *_: None)

    with pytest.raises(kafka_errors.KafkaConnectionError):
        await client.send(1, _whole({("a", 0): 7}))

    request = client._sessions[1].request(_whole({("a", 0): 7}))
    assert request.build(FetchRequest_v11).session_epoch == 0
