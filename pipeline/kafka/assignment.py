"""The units that a group gave us, each with its leases, its worker and the worker's task."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from aiokafka import TopicPartition

from pipeline.kafka.lease import KafkaLease
from pipeline.kafka.ownership_proof import OwnershipProof
from pipeline.stages.contract import Unit
from pipeline.stages.ports import Worker

log = structlog.get_logger(__name__)


class Owned(NamedTuple):
    """The unit of one worker: a partition, or a topic with all its partitions."""

    topic: str
    partitions: tuple[int, ...]


def units(assigned: AbstractSet[TopicPartition], unit: Unit) -> Sequence[Owned]:
    """Return the assigned partitions as units of the stage: single partitions, or whole topics."""
    if unit == "partition":
        return [Owned(tp.topic, (tp.partition,)) for tp in sorted(assigned)]
    topics: defaultdict[str, list[int]] = defaultdict(list)
    for tp in sorted(assigned):
        topics[tp.topic].append(tp.partition)
    return [Owned(topic, tuple(partitions)) for topic, partitions in topics.items()]


def may_serve(owned: Owned, unit: Unit) -> bool:
    """Whether a unit may get a worker: a lane's topic must have one partition.

    With several partitions a lane could have several owners, and each would use the whole cap.
    """
    count = len(owned.partitions)
    if unit == "topic" and count > 1:
        log.error("lane not served: it must have one partition", topic=owned.topic, has=count)
        return False
    return True


@dataclass(slots=True)
class Assignment:
    """One unit that we own: one proof of ownership, and a lease for each of its partitions."""

    proof: OwnershipProof
    leases: Sequence[KafkaLease]
    worker: Worker
    task: asyncio.Task[None]

    def revoke(self) -> None:
        self.proof.revoke()
        for lease in self.leases:
            lease.revoke()

    def renew(self) -> None:
        self.proof.renew()
        for lease in self.leases:
            lease.renew()


class Assignments:
    """All units of one group that we own."""

    def __init__(self) -> None:
        self._units: dict[Owned, Assignment] = {}
        self._leases: dict[TopicPartition, KafkaLease] = {}

    @property
    def leases(self) -> Mapping[TopicPartition, KafkaLease]:
        return self._leases

    @property
    def units(self) -> Mapping[Owned, Assignment]:
        return self._units

    @property
    def workers(self) -> Mapping[TopicPartition, Worker]:
        return {one.leases[0].tp: one.worker for one in self._units.values()}

    def add(self, owned: Owned, assignment: Assignment) -> None:
        self._units[owned] = assignment
        self._leases |= {lease.tp: lease for lease in assignment.leases}

    def remove(self, owned: Owned) -> Assignment:
        assignment = self._units.pop(owned)
        for lease in assignment.leases:
            del self._leases[lease.tp]
        return assignment

    def __iter__(self) -> Iterator[Assignment]:
        return iter(list(self._units.values()))


async def run_after(former: Collection[asyncio.Task[None]], worker: Worker) -> None:
    """Run a worker after the former tasks on a part of its unit have ended."""
    if former:
        await asyncio.wait(former)
    await worker.run()
