"""The cap with an endless backlog: `python -m tests.cap --windows 10 --replicas 3`.

With one replica nothing is in the way, and at least 99 % is to be used. With more, a replica joins
or leaves in every window. In neither may any window hold the cap.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
from pathlib import Path

from tests.cap.adobe import AdobeBeside
from tests.cap.run import CapRun, Measured
from tests.servers.apache_kafka import ApacheKafka

LEAST_USED = 0.99
REBALANCE_SECONDS = 2.0
"""Of sending that a rebalance may cost, beside its drain."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="cap", description=__doc__)
    parser.add_argument("--windows", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=40.0, help="length of a window")
    parser.add_argument("--a-second", type=int, default=500, help="cap, records a second")
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--beside", choices=["adobe"], help="served by the same processes")
    parser.add_argument("--members", type=int, default=200_000, help="of each audience beside")
    chosen = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="cap-"))
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    adobe = AdobeBeside(folder=folder, members=chosen.members) if chosen.beside else None
    with ApacheKafka() as kafka:
        run = CapRun(
            kafka=kafka,
            folder=folder,
            windows=chosen.windows,
            window_seconds=chosen.seconds,
            cap=round(chosen.a_second * chosen.seconds),
            lanes=chosen.replicas,
            replicas=chosen.replicas,
            adobe=adobe,
        )
        measured = asyncio.run(run.measure())
    (folder / "arrivals.json").write_text(json.dumps(measured.arrivals))
    found = failures(measured)
    print("\n".join(table(measured)))
    print("\n".join(f"FAILED: {one}" for one in found) or "PASS")
    print(f"logs are in {folder}")
    return 1 if found else 0


def failures(measured: Measured) -> list[str]:
    """What is not as promised."""
    found = [
        f"{lane}: a window held {largest} of fewer than {measured.cap}"
        for lane, largest in measured.largest.items()
        if largest >= measured.cap
    ]
    if not measured.rebalances:
        found += [
            f"{lane}: {used:.2%} used"
            for lane, used in measured.used().items()
            if used < LEAST_USED
        ]
    limit = measured.drain_seconds + REBALANCE_SECONDS
    found += [
        f"a rebalance at {at:.0f} s cost {lane} {seconds:.1f} s of sending"
        for at in measured.rebalances
        for lane, seconds in measured.lost_after(at).items()
        if seconds > limit
    ]
    return found


def table(measured: Measured) -> list[str]:
    """A line for each lane, and for each rebalance what it cost at most."""
    kept_free = measured.kept_free / measured.cap
    size = f"batches of {measured.batch}, {measured.in_flight} in flight"
    lines = [
        f"cap {measured.cap:,} in {measured.window_seconds:g} s; {size}: B + 2I is {kept_free:.2%}",
        f"{'lane':16}{'used':>9}{'least window':>14}{'largest / cap':>15}",
    ]
    for lane, used in measured.used().items():
        least = min(measured.by_window(lane)) / measured.cap
        largest = measured.largest[lane] / measured.cap
        lines.append(f"{lane:16}{used:>9.2%}{least:>14.2%}{largest:>15.4f}")
    for at in measured.rebalances:
        costs = ", ".join(f"{seconds:.1f}" for seconds in measured.lost_after(at).values())
        lines.append(f"rebalance at {at:6.1f} s cost {costs} s of sending")
    lines += [one for one in (measured.turns, measured.beside) if one]
    lines.append("load average over 1, 5 and 15 minutes: {:.1f} {:.1f} {:.1f}".format(*load()))
    return lines


def load() -> tuple[float, float, float]:
    return os.getloadavg()


if __name__ == "__main__":
    sys.exit(main())
