"""A lease, the worker that works in it, and the task in which it does."""

import asyncio
from dataclasses import dataclass

from pipeline.kafka.lease import KafkaLease
from pipeline.stages.ports import Worker


@dataclass(slots=True)
class Assignment:
    """One partition while it is ours."""

    lease: KafkaLease
    worker: Worker
    task: asyncio.Task[None]


async def run_after(former: asyncio.Task[None] | None, worker: Worker) -> None:
    """Run a worker, once the one who had the partition before has cleaned up."""
    if former is not None:
        await asyncio.wait([former])
    await worker.run()
