"""Changes without end, keyed by member, some of them broken."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from random import Random

from aiokafka import AIOKafkaProducer

from tests.chaos.snapshots import Standing

FIRST_MS = 1_760_000_000_000
"""The time of the first change; each later one is a millisecond younger, so it has a name."""
TICK_SECONDS = 0.1
BROKEN = 0.002
BUSY = 0.2
"""So many changes are of the busy few."""
BUSY_MEMBERS = 40


@dataclass(slots=True)
class Traffic:
    """Produces so many changes a second until it is told to stop."""

    random: Random
    bootstrap_servers: str
    topic: str
    audiences: int
    members: int
    per_second: int
    standing: Standing = field(default_factory=Standing)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    count: int = 0
    durable: int = 0

    async def run(self) -> None:
        """Raises when a change could not be made durable: then nobody knows what is expected."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap_servers,
            enable_idempotence=True,
            acks="all",
            request_timeout_ms=120_000,
            max_batch_size=100_000,
            linger_ms=20,
        )
        await producer.start()
        sent: list[asyncio.Future[object]] = []
        try:
            began = time.monotonic()
            while not self.stopping.is_set():
                due = int((time.monotonic() - began) * self.per_second)
                # After a broker's rest not everything at once: that would be a fault of its own.
                for _ in range(min(due - self.count, 3 * self.per_second)):
                    key, value = self._event()
                    sent.append(await producer.send(self.topic, value, key))
                await asyncio.sleep(TICK_SECONDS)
            for one in sent:
                await one
            self.durable = len(sent)
        finally:
            await producer.stop()

    def _event(self) -> tuple[bytes, bytes]:
        self.count += 1
        busy = self.random.random() < BUSY
        member = f"u-{self.random.randrange(BUSY_MEMBERS if busy else self.members)}"
        number = self.random.randrange(self.audiences)
        is_broken = self.random.random() < BROKEN
        action, email = (
            self.random.choice(["add", "add", "remove"]),
            f"{member}.{self.count}@example.com",
        )
        if not is_broken:
            self.standing.stated(number, member, action, email)
        event = {
            "event_id": f"e-{self.count}",
            "audience": "nobody-knows-it" if is_broken else f"audience-{number}",
            "action": action,
            "occurred_at": FIRST_MS + self.count,
            "member": {
                "id": member,
                "country": "US",
                "identities": [{"email": email}],
            },
        }
        return member.encode(), json.dumps(event).encode()
