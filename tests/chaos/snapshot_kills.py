"""Kills and freezes from the command line: `python -m tests.chaos.snapshot_kills --seed 1`."""

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.chaos.kills import Kills
from tests.chaos.kills_verdict import failures, table, timeline
from tests.chaos.snapshots import RUNS_PER_DAY
from tests.chaos.strikes import Strike, plan, short_selection, spending
from tests.servers.apache_kafka import ApacheKafka


def main() -> int:
    parser = argparse.ArgumentParser(prog="snapshot_kills", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after the other")
    parser.add_argument("--rounds", type=int, default=1, help="for each seed; 0: the short one")
    parser.add_argument("--budget", type=int, help="instead: as few runs, and all are spent")
    parser.add_argument("--keep", action="store_true", help="keep the logs of what passed")
    chosen = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with ApacheKafka() as kafka:
        passed = [
            _passes(kafka, seed, chosen.rounds, chosen.budget, keep=chosen.keep)
            for seed in range(chosen.seed, chosen.seed + chosen.seeds)
        ]
    return 0 if all(passed) else 1


def _passes(kafka: ApacheKafka, seed: int, rounds: int, budget: int | None, *, keep: bool) -> bool:
    """One seed, its table printed; the logs of one that failed are kept."""
    folder = Path(tempfile.mkdtemp(prefix=f"kills-{seed}-"))
    print(f"seed {seed}, {rounds} rounds, logs in {folder}", flush=True)
    kills = Kills(
        seed=seed,
        strikes=_strikes(Random(f"{seed} strikes"), rounds, budget),
        budget=budget or RUNS_PER_DAY,
        is_spent=budget is not None,
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


def _strikes(random: Random, rounds: int, budget: int | None) -> Sequence[Strike]:
    if budget is not None:
        return spending(random, budget)
    return plan(random, rounds) if rounds else short_selection()


if __name__ == "__main__":
    sys.exit(main())
