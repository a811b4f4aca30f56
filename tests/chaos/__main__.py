"""A storm from the command line: `python -m tests.chaos --seed 1 --minutes 3`."""

import argparse
import asyncio
import logging
import pickle
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.evidence import Evidence
from tests.chaos.report import summary, table
from tests.chaos.storm import Storm
from tests.chaos.verdict import failures
from tests.servers.apache_kafka import ApacheKafka


def main() -> int:
    parser = argparse.ArgumentParser(prog="storm", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after the other")
    parser.add_argument("--minutes", type=float, default=3.0, help="for each seed")
    parser.add_argument("--keep", action="store_true", help="keep the logs of a storm that passed")
    chosen = parser.parse_args()
    # A client whose broker is away says so a thousand times a second.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    storms: dict[int, tuple[Evidence, list[str]]] = {}
    for seed in range(chosen.seed, chosen.seed + chosen.seeds):
        storms[seed] = _weathered(seed, chosen.minutes, keep=chosen.keep)
    if len(storms) > 1:
        print(summary(storms))
    return 1 if any(failures for _, failures in storms.values()) else 0


def _weathered(seed: int, minutes: float, *, keep: bool) -> tuple[Evidence, list[str]]:
    """One storm, its table printed; the logs of one that failed are kept."""
    folder = Path(tempfile.mkdtemp(prefix=f"storm-{seed}-"))
    print(f"seed {seed}, {minutes:g} minutes, logs in {folder}", flush=True)
    with ApacheKafka() as kafka:
        storm = Storm(seed=seed, seconds=minutes * 60, kafka=kafka, folder=folder, say=_say)
        evidence = asyncio.run(storm.run())
    (folder / "evidence.pickle").write_bytes(pickle.dumps(evidence))
    found = failures(evidence)
    text = table(evidence, found)
    (folder / "table.txt").write_text(text)
    print(text, flush=True)
    if found:
        print(f"logs are kept in {folder}", flush=True)
    elif not keep:
        shutil.rmtree(folder)
    return evidence, found


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
