"""Stores a file that never ends, so that a test can kill the process in the middle of it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator

from pydantic import TypeAdapter

from pipeline.destinations.storage_settings import StorageSettings
from pipeline.storage.opening import opened
from tests.storage.places import no_landing_zone

PATH = "audience/endless-1.csv"
_MEGABYTE = bytes(1024 * 1024)
_SAID_AFTER = 40
"""Megabytes: more than any storage keeps back."""


async def main() -> None:
    settings = TypeAdapter[StorageSettings](StorageSettings).validate_python(
        json.loads(sys.argv[1])
    )
    storage = opened(settings, landing_zone=no_landing_zone, clock=lambda: 0.0)
    await storage.put(PATH, endless())


async def endless() -> AsyncIterator[bytes]:
    for number in range(1_000_000):
        if number == _SAID_AFTER:
            print("writing", flush=True)
        yield _MEGABYTE
        # It is to be killed, not to fill the disk.
        await asyncio.sleep(0 if number < _SAID_AFTER else 0.1)


if __name__ == "__main__":
    asyncio.run(main())
