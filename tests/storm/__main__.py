"""A storm from the command line: `python -m tests.storm --seed 1 --minutes 3`."""

import argparse
import asyncio
import logging
import pickle
import shutil
import sys
import tempfile
from pathlib import Path

from tests.servers.apache_kafka import ApacheKafka
from tests.storm.report import table
from tests.storm.storm import Storm
from tests.storm.verdict import failures


def main() -> int:
    parser = argparse.ArgumentParser(prog="storm", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--keep", action="store_true", help="keep the logs of a storm that passed")
    chosen = parser.parse_args()
    # A client whose broker is away says so a thousand times a second.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix=f"storm-{chosen.seed}-"))
    print(f"seed {chosen.seed}, {chosen.minutes:g} minutes, logs in {folder}", flush=True)
    with ApacheKafka() as kafka:
        storm = Storm(
            seed=chosen.seed, seconds=chosen.minutes * 60, kafka=kafka, folder=folder, say=_say
        )
        evidence = asyncio.run(storm.run())
    (folder / "evidence.pickle").write_bytes(pickle.dumps(evidence))
    found = failures(evidence)
    text = table(evidence, found)
    (folder / "table.txt").write_text(text)
    print(text)
    if found:
        print(f"logs are kept in {folder}")
    elif not chosen.keep:
        shutil.rmtree(folder)
    return 1 if found else 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
