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

from pipeline.kafka.fetch_sessions import NOWHERE, FetchSession, SessionClient, SessionFetch

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
    kept: set[int] = field(default_factory=set)
    """Sessions that take up room."""

    def answer(self, session: FetchSession) -> SimpleNamespace:
        built = FetchRequest_v11.decode(session.build(FetchRequest_v11).encode())
        named = {
            (topic, partition): offset
            for topic, partitions in built.topics
            for partition, _, offset, _, _ in partitions
        }
        self.named.append(len(named))
        if built.session_epoch == 0:
            self.session += 1
            self.kept = self.kept - {built.session_id} | {self.session}
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


def _request(topics: list[tuple[str, list[tuple[int, int, int]]]]) -> FetchRequest:
    return FetchRequest(500, 1, 1000, 1, topics)


def _session(wanted: Mapping[Place, int]) -> FetchSession:
    made = FetchSession(_request, 100)
    _want(made, {}, wanted)
    return made


def _want(session: FetchSession, before: Mapping[Place, int], wanted: Mapping[Place, int]) -> None:
    """What a plan says when these are wanted from now on."""
    for place in before.keys() - wanted.keys():
        session.leave(TopicPartition(*place))
    for place, offset in wanted.items():
        session.want(TopicPartition(*place), offset)


places = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(0, 1)), st.integers(0, 5), max_size=6
)
mishaps = st.sampled_from(["none", "none", "none", "held", "lost", "unheard", "evicted", "full"])


@given(st.lists(st.tuples(places, mishaps), max_size=20))
def test_whatever_is_lost_the_broker_hands_out_what_the_client_asks_for(
    story: Sequence[tuple[Mapping[Place, int], str]],
) -> None:
    """
    Requests that are never sent, or do not arrive, answers that do not, and brokers that forget or
    have no room.
    """
    broker, session = SessionBroker(), _session({})
    before: Mapping[Place, int] = {}

    for wanted, mishap in story:
        if mishap == "evicted":
            broker.session += 7
        broker.has_room = mishap != "full"
        _want(session, before, wanted)
        before = wanted
        if mishap == "held":
            continue
        if mishap == "lost":
            session.build(FetchRequest_v11)
            session.forget()
            continue
        response = broker.answer(session)
        if mishap == "unheard":
            session.forget()
            continue
        session.answered(response)
        if not response.error_code:
            assert broker.known == wanted


def test_a_thousand_partitions_of_which_one_moves_cost_a_request_for_one() -> None:
    broker = SessionBroker()
    session = _session({(f"lane-{number}", 0): 0 for number in range(1000)})

    for offset in (0, 1, 2):
        session.want(TopicPartition("lane-7", 0), offset)
        session.answered(broker.answer(session))

    assert broker.named == [1000, 1, 1]


def test_a_session_that_is_begun_anew_ends_the_one_before() -> None:
    """
    Brokers keep one that nobody ended for two minutes, and refuse others when they are full.
    """
    broker, session = SessionBroker(), _session({("a", 0): 0})

    for _ in range(3):
        session.answered(broker.answer(session))
        session.forget()
    session.answered(broker.answer(session))

    assert broker.kept == {broker.session}


def test_a_broker_that_knows_no_sessions_is_asked_for_everything() -> None:
    session = _session({("a", 0): 1, ("b", 0): 2})
    everything = _request([("a", [(0, 1, 100)]), ("b", [(0, 2, 100)])]).build(FetchRequest_v4)

    assert [session.build(FetchRequest_v4) for _ in range(2)] == [everything, everything]


def test_what_came_is_placed_where_it_was_asked_for_and_not_where_the_client_stands_now() -> None:
    """
    A client that has sought meanwhile must throw it away.
    """
    session = _session({("a", 0): 7, ("a", 1): 3})
    session.build(FetchRequest_v11)
    answer = _response(3)
    answer.topics = [("a", [(0, 0, 9), (1, 0, 9), (2, 0, 9)])]

    session.want(TopicPartition("a", 0), 40)
    session.leave(TopicPartition("a", 1))

    assert session.asked(answer) == [("a", [(0, 7, 100), (1, 3, 100), (2, NOWHERE, 100)])]


@dataclass(slots=True)
class OneAnswer:
    """A line to a broker that answers all the same."""

    response: SimpleNamespace | Exception

    async def send(self, node_id: int, request: SessionFetch) -> SimpleNamespace:
        request.build(FetchRequest_v11)
        if isinstance(self.response, Exception):
            raise self.response
        return self.response


async def test_a_partition_that_is_refused_is_told_by_name_and_the_others_are_not() -> None:
    refused: list[tuple[TopicPartition, type[Exception]]] = []
    answer = _response(3)
    answer.topics = [("a", [(0, 0, 7), (1, 56, -1)])]
    client = SessionClient(OneAnswer(answer), lambda *said: refused.append(said))

    request = SessionFetch(_session({("a", 0): 7, ("a", 1): 7}))

    assert await client.send(1, request) is answer

    assert refused == [(TopicPartition("a", 1), kafka_errors.for_code(56))]
    assert request.topics == [("a", [(0, 7, 100), (1, 7, 100)])]


async def test_a_request_that_failed_begins_a_new_session() -> None:
    session = _session({("a", 0): 7})
    session.build(FetchRequest_v11)
    session.answered(_response(3))
    client = SessionClient(OneAnswer(kafka_errors.KafkaConnectionError()), lambda *_: None)

    with pytest.raises(kafka_errors.KafkaConnectionError):
        await client.send(1, SessionFetch(session))

    built = session.build(FetchRequest_v11)
    assert (built.session_epoch, len(built.topics)) == (0, 1)
