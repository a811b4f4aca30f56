"""How clients of the cluster are closed."""

import asyncio
from dataclasses import dataclass, field

from pipeline.adapters.kafka import ending


@dataclass(slots=True)
class LibraryClient:
    is_closed: bool = False

    async def close(self) -> None:
        self.is_closed = True


@dataclass(slots=True)
class ConsumerWithoutBroker:
    """Ends its own fetch, which waits to try again, and lets the end of it out."""

    _client: LibraryClient = field(default_factory=LibraryClient)

    async def stop(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            fetch = tasks.create_task(asyncio.sleep(60))
            await asyncio.sleep(0)
            fetch.cancel()
            await fetch


async def test_a_consumer_that_stops_while_the_broker_is_away_cancels_nobody_and_is_closed() -> (
    None
):
    """
    Otherwise a stop on request would end as a failure, whenever a broker is away.
    """
    consumer = ConsumerWithoutBroker()

    await ending.stop(consumer)

    assert consumer._client.is_closed
