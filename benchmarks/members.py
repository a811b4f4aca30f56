"""What a pass over the members of a large audience costs, and whether its file is right.

    python -m benchmarks.members [--members N] [--buffer-bytes N]

The statements of ten million members wait in a members topic of an Apache Kafka on this machine:
an add of each, a newer remove of every tenth, and of every thousandth an older remove behind its
add, which has to be healed. A process of its own makes one pass and writes its file, while more
changes keep arriving. Then each line of the file is compared with the membership at the fixed end.

Time is that of the processor, the kernel's share in it, fetching and writing included. Resident
memory is the most that the process ever had. `turns` says how much processor time went by before
another task of the process had its turn: a lane waits as long.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.app import garbage
from pipeline.destinations.snapshots import SnapshotAudience
from pipeline.domain.member_record import (
    HASH,
    LAYOUT_KEY,
    PARTITIONS,
    SPREAD,
    Layout,
    MemberRecord,
    Place,
    encode_layout,
    encode_member,
    member_key,
    partition_of,
)
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.member_topic import KafkaMemberTopic
from pipeline.stages.snapshot.membership_pass import MembershipPass
from pipeline.stages.snapshot.ports import Written
from tests.fakes.snapshot_rules import RULES
from tests.servers.apache_kafka import ApacheKafka

TOPIC = "audience.members.adobe"
AT_MS = 1_790_000_000_000
BUFFER_BYTES = 128 << 20
AUDIENCE = SnapshotAudience(
    name="vip-customers",
    audience="7c5b9f0e-3a61-4d0b-9e57-2f1c8a40d6b3",
    folder="vip-customers",
    header=b"email,number,tier\n",
    empty_row=b'"",,\n',
    rendering="email-2",
    lifetime=30 * 86_400.0,
)
COMPACTED = {
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
    "min.compaction.lag.ms": "86400000",
    "max.compaction.lag.ms": "259200000",
    "delete.retention.ms": "259200000",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.members", description=__doc__)
    parser.add_argument("--members", type=int, default=10_000_000)
    parser.add_argument("--buffer-bytes", type=int, default=BUFFER_BYTES)
    parser.add_argument("--read", metavar="ADDRESS", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ends", type=json.loads, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.read:
        uvloop.run(_read(chosen.read, chosen.file, chosen.ends, chosen.buffer_bytes))
        return
    # That a new topic has no leader yet is nothing to be told.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with ApacheKafka() as kafka, tempfile.TemporaryDirectory(prefix="members-") as folder:
        file = Path(folder) / "members.csv"
        uvloop.run(_measure(kafka.bootstrap_servers, file, chosen.members, chosen.buffer_bytes))
        _compare(file, chosen.members)


# What is written


def _member(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def _identity(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


def _is_member(number: int) -> bool:
    return number % 10 != 0


def _add(number: int) -> MemberRecord:
    place = Place("cdp.membership", number % 12, number, 0)
    return MemberRecord(
        True, AT_MS + 10, place, AUDIENCE.rendering, _identity(number), [str(number), '"gold"']
    )


def _remove(number: int, at_ms: int) -> MemberRecord:
    return MemberRecord(False, at_ms, Place("cdp.membership", number % 12, number, 1))


def _statements(members: int) -> Iterator[tuple[int, MemberRecord]]:
    yield from ((number, _add(number)) for number in range(members))
    yield from ((number, _remove(number, AT_MS + 20)) for number in range(0, members, 10))
    yield from ((number, _remove(number, AT_MS)) for number in range(1, members, 1000))


async def _write(
    producer: AIOKafkaProducer, statements: Iterator[tuple[int, MemberRecord]]
) -> None:
    """Batch by batch, as fast as the client can."""
    batches = {}
    for number, record in statements:
        key, value = member_key(AUDIENCE.audience, _member(number)), encode_member(record)
        partition = partition_of(key)
        if partition not in batches:
            batches[partition] = producer.create_batch()
        if batches[partition].append(key=key, value=value, timestamp=None) is None:
            await producer.send_batch(batches[partition], TOPIC, partition=partition)
            batches[partition] = producer.create_batch()
            batches[partition].append(key=key, value=value, timestamp=None)
    for partition, batch in batches.items():
        await producer.send_batch(batch, TOPIC, partition=partition)
    await producer.flush()


# Both processes


async def _measure(address: str, file: Path, members: int, buffer_bytes: int) -> None:
    async with _topic(address) as producer:
        began_at = time.monotonic()
        await _write(producer, _statements(members))
        print(f"{members:,} members written in {time.monotonic() - began_at:,.0f} s", flush=True)
        options = ClientOptions(bootstrap_servers=address, client_id="benchmark")
        async with KafkaMemberTopic(options, TOPIC) as topic:
            ends = await topic.ends()
        async with asyncio.TaskGroup() as tasks:
            changing = tasks.create_task(_change_on(producer, members))
            command = [sys.executable, "-m", "benchmarks.members", "--read", address]
            command += ["--file", str(file), "--ends", json.dumps(list(ends))]
            command += ["--buffer-bytes", str(buffer_bytes)]
            reading = await asyncio.create_subprocess_exec(*command)
            if await reading.wait():
                raise SystemExit("the pass failed")
            changing.cancel()


async def _change_on(producer: AIOKafkaProducer, members: int) -> None:
    """What is said while the pass goes on: every second member leaves."""
    for start in range(0, members, 1000):
        leaving = range(start, min(start + 1000, members), 2)
        await _write(producer, ((number, _remove(number, AT_MS + 30)) for number in leaving))
        await asyncio.sleep(0.2)


@asynccontextmanager
async def _topic(address: str) -> AsyncIterator[AIOKafkaProducer]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1, topic_configs=COMPACTED)])
    await admin.close()
    async with AIOKafkaProducer(
        bootstrap_servers=address, linger_ms=5, max_batch_size=500_000
    ) as producer:
        layout = encode_layout(Layout("benchmark", PARTITIONS, SPREAD, HASH))
        for partition in range(PARTITIONS):
            await producer.send(TOPIC, layout, key=LAYOUT_KEY, partition=partition)
        await producer.flush()
        yield producer


async def _read(address: str, file: Path, ends: Sequence[int], buffer_bytes: int) -> None:
    garbage.settle()
    options = ClientOptions(bootstrap_servers=address, client_id="benchmark-pass")
    turns: list[float] = []
    async with (
        KafkaMemberTopic(options, TOPIC) as topic,
        AIOKafkaProducer(bootstrap_servers=address, max_batch_size=500_000) as producer,
    ):

        async def write(messages: Sequence[Written]) -> None:
            for one in messages:
                await producer.send(
                    TOPIC, one.value, key=one.key, partition=one.partition, headers=[*one.headers]
                )
            await producer.flush()

        membership = MembershipPass(
            topic=topic,
            topic_name=TOPIC,
            audience=AUDIENCE,
            rules=replace(RULES, buffer_bytes=buffer_bytes),
            row=_row,
            ends=ends,
            now_ms=AT_MS + 1000,
            uuid=None,
            write=write,
        )
        before, cpu, began_at = _resident_mb(), time.process_time(), time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(_take_turns(turns))
            with file.open("wb") as out:
                async for piece in membership.pieces():
                    out.write(piece)
            waiting.cancel()
        cpu, took = time.process_time() - cpu, time.monotonic() - began_at
    _say(membership, cpu, took, before, turns)


def _say(
    membership: MembershipPass, cpu: float, took: float, before: float, turns: list[float]
) -> None:
    found = membership.found
    turns.sort()
    print(
        f"pass: {found.members:,} members, {found.rows:,} rows, {found.written:,} written, "
        f"{took:,.0f} s, {cpu:,.0f} CPU-seconds: {found.members / cpu:,.0f} members a CPU-second"
    )
    print(f"resident: {before:,.0f} MB before, at most {_resident_mb():,.0f} MB")
    of_turns = {name: turns[int(len(turns) * part)] for name, part in PARTS.items()}
    shown = ", ".join(f"{name} {1000 * wait:.1f} ms" for name, wait in of_turns.items())
    print(f"turns of another task: {shown}, longest {1000 * turns[-1]:.1f} ms", flush=True)


PARTS = {"median": 0.5, "99 %": 0.99, "99.9 %": 0.999}


async def _take_turns(turns: list[float]) -> None:
    """Ask for a turn a hundred times a second."""
    while True:
        asked_at = time.thread_time()
        await asyncio.sleep(0)
        turns.append(time.thread_time() - asked_at)
        await asyncio.sleep(0.01)


def _resident_mb() -> float:
    return getrusage(RUSAGE_SELF).ru_maxrss / 1024


def _row(identity: str, cells: Sequence[str]) -> bytes:
    return f'"{identity}",{",".join(cells)}\n'.encode()


# What is right


def _compare(file: Path, members: int) -> None:
    seen = bytearray(members)
    with file.open("rb") as rows:
        assert next(rows) == AUDIENCE.header
        for line in rows:
            identity, number, tier = line.split(b",")
            at = int(number)
            assert not seen[at], "a member has two rows"
            assert _is_member(at), "somebody who had left has a row"
            assert (identity, tier) == (f'"{_identity(at)}"'.encode(), b'"gold"\n')
            seen[at] = 1
    expected = sum(map(_is_member, range(members)))
    assert sum(seen) == expected, f"{expected - sum(seen)} members have no row"
    print(f"the file is right: {expected:,} rows, {file.stat().st_size / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
