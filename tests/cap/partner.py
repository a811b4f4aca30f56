"""A partner that takes snapshots, as its own process: `python -m tests.cap.partner PORT FOLDER`.

Its limits of runs are out of the way: what is measured is what snapshots cost their neighbours.
"""

import asyncio
import os
import sys
from pathlib import Path
from random import Random

from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from pipeline.sandbox.any_partner.loopback import serve_until

OPTIONS = SimulatorOptions(
    runs_a_day=10_000,
    runs_an_audience=None,
    operation_seconds=0.1,
    run_seconds=(0.5, 1.0),
    logged_requests=10,
)


def main() -> None:
    # Where it reads files, it must not take the processor from those that are measured.
    os.nice(10)
    files, port = Path(sys.argv[2]), int(sys.argv[1])
    simulator = AdobeSimulator(options=OPTIONS, files=files, port=port, random=Random(1))
    asyncio.run(serve_until(asyncio.Event(), simulator))


if __name__ == "__main__":
    main()
