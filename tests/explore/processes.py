"""A fuzz of the running pipeline: `python -m tests.explore.processes --seed 1 --minutes 3`."""

import argparse
import asyncio
import logging
import pickle
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from pipeline.sandbox.broker import EmbeddedBroker
from tests.explore.fuzz_verdict import failures
from tests.explore.process_fuzz import ProcessFuzz
from tests.servers.apache_kafka import ApacheKafka


def main() -> int:
    parser = argparse.ArgumentParser(prog="processes", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after the other")
    parser.add_argument("--minutes", type=float, default=3.0, help="for each seed")
    parser.add_argument("--kafka", action="store_true", help="on Apache Kafka, exactly once")
    chosen = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    found = [
        seed
        for seed in range(chosen.seed, chosen.seed + chosen.seeds)
        if not _holds(seed, chosen.minutes * 60, on_kafka=chosen.kafka)
    ]
    return 1 if found else 0


def _holds(seed: int, seconds: float, *, on_kafka: bool) -> bool:
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{seed}-"))
    print(f"seed {seed}, {seconds:g} seconds, logs in {folder}", flush=True)
    with ExitStack() as stack:
        broker: ApacheKafka | EmbeddedBroker = ApacheKafka() if on_kafka else EmbeddedBroker()
        stack.enter_context(broker)
        fuzz = ProcessFuzz(
            seed=seed,
            seconds=seconds,
            bootstrap_servers=broker.bootstrap_servers,
            is_exactly_once=on_kafka,
            folder=folder,
            say=_say,
        )
        evidence = asyncio.run(fuzz.run())
    (folder / "evidence.pickle").write_bytes(pickle.dumps(evidence))
    found = failures(evidence)
    answers = ", ".join(f"{count:,} {kind}" for kind, count in sorted(evidence.given.items()))
    _say(f"{fuzz.produced:,} events, {len(fuzz.forged):,} forged messages; answers: {answers}")
    for sentence in found:
        _say(f"FAILED: {sentence}")
    _say("FAIL" if found else "PASS")
    if not found:
        shutil.rmtree(folder)
    return not found


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
