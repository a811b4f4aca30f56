"""What both steps cost: records per CPU-second of the process, beside a bare loop in the same run.

    python -m benchmarks.both_steps [--records N] [--rounds N] [--chunk N]
                                    [--collector ours python off] [--command PATH]
                                    [--beside adobe]

Native events with an email address and a phone number wait in a topic of an Apache Kafka on this
machine. The installed command reads, hashes and writes them (ingest), reads them again, batches
them and posts them to a bare HTTP sink that answers 202 with a job id (upload). The bare loop does
the same with aiokafka, orjson and aiohttp and nothing else: it consumes, parses, dumps, produces;
consumes, parses, posts. It promises nothing: no hashes, no checks, no transactions, no order.

Time is that of the processor, the kernel's share in it, from the moment at which the process
waits for records until the sink has the last of them. `ours` is the collector as the command sets
it, `python` as the interpreter does, `off` without one. Resident memory is shown as the records
pass. `--command` measures another installation too, an older edition for example. `--beside` lets
every command have another turn in which the same events go to a second destination, too, which
takes snapshots: ingest writes a member record of each beside the lane's.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import cast

import aiohttp
import orjson
import uvloop
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.process_cost import ProcessCost
from pipeline.sandbox.server_process import free_port
from tests.servers.apache_kafka import ApacheKafka

CONNECTION = "5a523424-8f0c-4c55-9a2b-0d7f4c1e6b90"
BESIDE = ", beside adobe"
STAGES = ("ingest", "upload")
PARTITIONS = 4
BATCH = 5_000
LOOKS = 10
ADOBE_TARGET = {
    "destination": "adobe",
    "external_audience_id": "7c5b9f0e-3a61-4d0b-9e57-2f1c8a40d6b3",
    "identity": {"namespace": "email_lc_sha256", "from": "email"},
}
THIS = [sys.executable, "-m", "benchmarks.both_steps"]
START_SECONDS, READY_SECONDS, RUN_SECONDS = 120.0, 8.0, 1_800.0
# How often a record names its member: once in an event, once in a request.
MEMBER = b'"externalUserId"'
LAUNCHER = {
    "ours": "",
    "python": "from pipeline.app import garbage; garbage.settle = lambda: None",
    "off": "import gc; from pipeline.app import garbage; garbage.settle = gc.disable",
}


class Sink(asyncio.Protocol):
    """Answers every request; counts the members that requests name, and tells the count."""

    records = 0

    def __init__(self) -> None:
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).lower()
            _, _, length = head.partition(b"content-length:")
            total = end + 4 + (int(length.split(b"\r\n")[0]) if length else 0)
            if len(self._received) < total:
                return
            body = bytes(self._received[:total])
            del self._received[:total]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        Sink.records += body.count(MEMBER)
        if b" /count" in head:
            status, said = b"200 OK", orjson.dumps(Sink.records)
        elif b"/token" in head:
            told = {"access_token": "t", "expires_in": 3600, "token_type": "bearer"}
            status, said = b"200 OK", orjson.dumps(told)
        else:
            job = {"jobRequestId": f"job-{Sink.records}"}
            status, said = b"202 Accepted", orjson.dumps(job)
        self._transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (status, len(said), said)
        )


async def sink(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


async def bare(address: str, source: str, lane: str, url: str) -> None:
    """both steps in one process, as the shortest code would do them, until it is ended."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_bare_ingest(address, source, lane))
        tasks.create_task(_bare_upload(address, lane, url))


async def _bare_ingest(address: str, source: str, lane: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=10, max_batch_size=500_000)
    async with _consumer(address, source) as consumer, producer:
        while True:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    event = orjson.loads(record.value)
                    member = event["member"]
                    value = {
                        "externalUserId": member["id"],
                        "action": "CREATE",
                        "hashedPII": member["identities"],
                    }
                    await producer.send(lane, orjson.dumps(value), record.key, partition=0)
                await producer.flush()
            await consumer.commit()


async def _bare_upload(address: str, lane: str, url: str) -> None:
    batch: list[object] = []
    async with _consumer(address, lane) as consumer, aiohttp.ClientSession() as session:
        while True:
            found = await consumer.getmany(timeout_ms=200)
            batch += [orjson.loads(one.value) for records in found.values() for one in records]
            if len(batch) < BATCH and found:
                continue
            for start in range(0, len(batch), BATCH):
                body = orjson.dumps({"records": batch[start : start + BATCH]})
                async with session.post(f"{url}/records", data=body) as reply:
                    await reply.read()
            batch = []
            await consumer.commit()


@asynccontextmanager
async def _consumer(address: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=address,
        group_id=f"{topic}-bare",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def running(command: Sequence[str], log: Path) -> AsyncIterator[ProcessCost]:
    """A process until the block ends; what it says goes into a file."""
    with log.open("wb") as file:
        made = await asyncio.create_subprocess_exec(*command, stdout=file, stderr=file)
    try:
        yield ProcessCost(made.pid)
    finally:
        if made.returncode is None:
            made.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(40):
                await made.wait()
        except TimeoutError:
            made.kill()
            await made.wait()


def configuration(
    address: str, namespace: str, url: str, chunk: int, *, is_beside: bool
) -> Mapping[str, object]:
    return {
        "ingest": {"chunk_records": chunk},
        "kafka": {"bootstrap_servers": address, "namespace": namespace},
        "sources": [{"topic": f"{namespace}-cdp"}],
        "destinations": {
            "amazon-na": {
                "kind": "amazon_ads",
                "region": "NA",
                "api_url": url,
                "token_url": f"{url}/auth/o2/token",
                "client_id": "client",
                "client_secret": "secret",
                "refresh_token": "refresh",
                "requests_per_second": 500,
                "poll": {"requests_per_second": 500},
                # The cap is not what is measured.
                "cap_window_seconds": 30,
                "batch": {"max_records": BATCH, "linger_seconds": 0.5},
            },
            **({"adobe": adobe(url)} if is_beside else {}),
        },
        "audiences": [
            {
                "audience": "vip",
                "destinations": [
                    {
                        "destination": "amazon-na",
                        "audience_id": 347891,
                        "connection_id": CONNECTION,
                        "target_types": ["DSP"],
                    },
                    *([ADOBE_TARGET] if is_beside else []),
                ],
            }
        ],
        "admin": {"host": "127.0.0.1", "port": free_port()},
    }


def adobe(url: str) -> Mapping[str, object]:
    """A destination that takes snapshots; no stage that makes them runs here."""
    return {
        "kind": "adobe_external_audiences",
        "api_url": url,
        "token_url": f"{url}/token",
        "org_id": "bench@AdobeOrg",
        "client_id": "client",
        "client_secret": "secret",
        "storage": {"kind": "folder", "path": "snapshots"},
    }


async def create(address: str, *topics: tuple[str, int]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, count, 1) for name, count in topics])
    finally:
        await admin.close()


async def fill(address: str, topic: str, count: int) -> None:
    """Write so many events, each of another member, into all partitions."""
    producer = AIOKafkaProducer(bootstrap_servers=address, max_batch_size=500_000)
    await producer.start()
    number = 0
    try:
        while number < count:
            batch = producer.create_batch()
            while number < count and batch.append(
                timestamp=None, key=b"u-%d" % number, value=event(number)
            ):
                number += 1
            await producer.send_batch(batch, topic, partition=number % PARTITIONS)
        await producer.flush()
    finally:
        await producer.stop()


def event(number: int) -> bytes:
    return (
        b'{"event_id":"e-%d","audience":"vip","action":"add","occurred_at":"2026-11-22T10:15:00Z",'
        b'"member":{"id":"u-%d","country":"US","identities":[{"email":"ana.%d@example.com",'
        b'"phone":"+1 206 555 %04d"}]}}' % (number, number, number, number % 10_000)
    )


async def counted(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/count") as reply:
        return int(await reply.text())


async def measure(
    name: str, process: ProcessCost, address: str, topic: str, url: str, count: int
) -> float:
    """Records per CPU-second from the first event to the last record at the sink."""
    await asyncio.sleep(READY_SECONDS)  # it has its partitions and waits
    before, began, at_first = await counted(url), time.monotonic(), process.cpu_seconds()
    looks = [round(process.resident_mb())]
    async with asyncio.timeout(RUN_SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(fill(address, topic, count))
        while (passed := await counted(url) - before) < count:
            if passed >= count * len(looks) / LOOKS:
                looks.append(round(process.resident_mb()))
            await asyncio.sleep(0.1)
    spent, took = process.cpu_seconds() - at_first, time.monotonic() - began
    looks.append(round(process.resident_mb()))
    print(f"{name:<28} {count / spent:>9,.0f} records per CPU-second, {took:>6.1f} s on the clock")
    print(f"  resident MB as they pass: {' '.join(map(str, looks))}", flush=True)
    return count / spent


@dataclass(frozen=True, slots=True)
class Bench:
    """A broker, a sink, and a folder for configurations and logs."""

    address: str
    url: str
    folder: Path
    count: int
    chunk: int

    async def bare(self, turn: int) -> float:
        source, lane = f"bare{turn}-cdp", f"bare{turn}-lane"
        await create(self.address, (source, PARTITIONS), (lane, 1))
        command = [*THIS, "--bare", self.address, source, lane, self.url]
        return await self._measured("bare loop", command, source)

    async def pipeline(self, turn: int, name: str, command: Sequence[str]) -> float:
        """What `name` says is shown; one that ends with BESIDE has a second destination."""
        namespace = f"bench{turn}"
        await create(self.address, (f"{namespace}-cdp", PARTITIONS))
        config = self.folder / f"{namespace}.yaml"
        document = configuration(
            self.address, namespace, self.url, self.chunk, is_beside=name.endswith(BESIDE)
        )
        config.write_text(yaml.safe_dump(document))
        words = ["run", "--config", str(config), "--stages", ",".join(STAGES)]
        return await self._measured(name, [*command, *words], f"{namespace}-cdp")

    async def _measured(self, name: str, command: Sequence[str], topic: str) -> float:
        log = self.folder / f"{topic}.log"
        try:
            async with running(command, log) as process:
                await _until_assigned(log, 0 if name == "bare loop" else len(STAGES))
                return await measure(name, process, self.address, topic, self.url, self.count)
        except BaseException:
            print(log.read_text()[-3000:])
            raise


async def _until_assigned(log: Path, stages: int) -> None:
    """A machine with much else to do takes its time to start; what it must not miss comes after."""
    give_up_at = time.monotonic() + START_SECONDS
    while log.read_text().count("partitions assigned") < stages:  # noqa: ASYNC240 - a short file
        assert time.monotonic() < give_up_at, "it has no partitions"
        await asyncio.sleep(0.2)


async def main(given: argparse.Namespace) -> None:
    load = os.getloadavg()[0]
    count = given.records
    print(f"{count:,} records over both steps; load average {load:.1f} on {os.cpu_count()} cores")
    commands = {
        f"collector {name}": [sys.executable, "-c", _launcher(name)] for name in given.collector
    }
    commands |= {command: [command] for command in given.command}
    if given.beside:
        commands |= {name + BESIDE: command for name, command in commands.items()}
    url = f"http://127.0.0.1:{(port := free_port())}"
    with ApacheKafka() as kafka, tempfile.TemporaryDirectory() as made:
        bench = Bench(kafka.bootstrap_servers, url, Path(made), count, given.chunk)
        async with running([*THIS, "--sink", str(port)], bench.folder / "sink.log"):
            await _take_turns(bench, commands, given.rounds)
    print("load average over 1, 5 and 15 minutes:", *(f"{one:.1f}" for one in os.getloadavg()))


async def _take_turns(bench: Bench, commands: Mapping[str, Sequence[str]], rounds: int) -> None:
    paces: dict[str, list[float]] = {}
    for turn in range(rounds):
        paces.setdefault("bare loop", []).append(await bench.bare(turn))
        for place, (name, command) in enumerate(commands.items()):
            pace = await bench.pipeline(turn * len(commands) + place, name, command)
            paces.setdefault(name, []).append(pace)
    floor = median(paces["bare loop"])
    for name, found in paces.items():
        middle = median(found)
        alone = paces[name.removesuffix(BESIDE)]
        ratio = f", {middle / median(alone):.2f} of alone" if name.endswith(BESIDE) else ""
        print(f"{name:<28} median {middle:>7,.0f}, {middle / floor:.2f} of the bare loop{ratio}")


def _launcher(collector: str) -> str:
    return f"{LAUNCHER[collector]}\nfrom pipeline.cli.main import main\nmain()"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sink", type=int, metavar="PORT")
    parser.add_argument("--bare", nargs=4, metavar=("ADDRESS", "SOURCE", "LANE", "URL"))
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--collector", nargs="*", choices=LAUNCHER, default=["ours", "python"])
    parser.add_argument("--command", action="append", default=[])
    parser.add_argument("--beside", choices=["adobe"], help="a second destination, too")
    parser.add_argument("--chunk", type=int, default=500, help="events in a transaction of ingest")
    parser.add_argument("--rounds", type=int, default=1, help="all take turns so many times")
    given = parser.parse_args()
    if given.sink:
        uvloop.run(sink(given.sink))
    elif given.bare:
        uvloop.run(bare(*given.bare))
    else:
        uvloop.run(main(given))
