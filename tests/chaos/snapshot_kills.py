"""Kills and freezes from the command line: `python -m tests.chaos.snapshot_kills --seed 1`."""

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random

from tests.chaos.kills import Kills
from tests.chaos.kills_verdict import failures, table, timeline
from tests.chaos.strikes import plan, short_selection
from tests.servers.apache_kafka import ApacheKafka


def main() -> int:
    parser = argparse.ArgumentParser(prog="snapshot_kills", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after the other")
    parser.add_argument("--rounds", type=int, default=1, help="for each seed; 0: the short one")
    parser.add_argument("--keep", action="store_true", help="keep the logs of what passed")
    chosen = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with ApacheKafka() as kafka:
        passed = [
            _passes(kafka, seed, chosen.rounds, keep=chosen.keep)
            for seed in range(chosen.seed, chosen.seed + chosen.seeds)
        ]
    return 0 if all(passed) else 1


def _passes(kafka: ApacheKafka, seed: int, rounds: int, *, keep: bool) -> bool:
    """One seed, its table printed; the logs of one that failed are kept."""
    folder = Path(tempfile.mkdtemp(prefix=f"kills-{seed}-"))
    print(f"seed {seed}, {rounds} rounds, logs in {folder}", flush=True)
    kills = Kills(
        seed=seed,
        strikes=plan(Random(f"{seed} strikes"), rounds) if rounds else short_selection(),
        bootstrap_servers=kafka.bootstrap_servers,
        folder=folder,
        say=lambda line: print(line, flush=True),
    )
    evidence = asyncio.run(kills.run())
    (folder / "timeline.txt").write_text(timeline(evidence.history))
    found = failures(evidence)
    print(table(evidence, found), flush=True)
    if found:
        print(f"logs are kept in {folder}", flush=True)
    elif not keep:
        shutil.rmtree(folder)
    return not found


if __name__ == "__main__":
    sys.exit(main())
