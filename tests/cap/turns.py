"""The installed command, and how long another task in it waits for a turn of the event loop.

    python -m tests.cap.turns FILE run --config FILE --stages STAGES

A task beside all others asks for a turn a hundred times a second. How late each came is written to
the file once a second: a line with the number of turns, the 99th and the 99.9th of a hundred and
the longest, in milliseconds on the clock, then the longest by the processor time of the thread,
which leaves out that others had the processor.
"""

import asyncio
import sys
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path

from pipeline.app import supervisor
from pipeline.app.assembly import Pipeline
from pipeline.cli.main import app

EVERY_SECONDS = 0.01
WRITTEN_EVERY = 100

_beside = supervisor._beside


def _with_turns(pipeline: Pipeline) -> Mapping[str, Coroutine[None, None, None]]:
    return {**_beside(pipeline), "turns": take_turns(Path(sys.argv[1]))}


async def take_turns(file: Path) -> None:
    """Until cancelled."""
    late: list[float] = []
    longest_cpu = 0.0
    while True:
        for _ in range(WRITTEN_EVERY):
            asked_at, cpu = time.monotonic(), time.thread_time()
            await asyncio.sleep(EVERY_SECONDS)
            late.append((time.monotonic() - asked_at - EVERY_SECONDS) * 1000)
            longest_cpu = max(longest_cpu, (time.thread_time() - cpu) * 1000)
        found = sorted(late)
        parts = [found[int(len(found) * part)] for part in (0.99, 0.999)]
        shown = " ".join(f"{one:.1f}" for one in (*parts, found[-1], longest_cpu))
        await asyncio.to_thread(_write, file, f"{len(found)} {shown}\n")


def _write(file: Path, line: str) -> None:
    """Whole or not at all: it is read while this process writes."""
    new = file.with_suffix(".new")
    new.write_text(line)
    new.replace(file)


def main() -> None:
    supervisor._beside = _with_turns
    app(args=sys.argv[2:])


if __name__ == "__main__":
    main()
