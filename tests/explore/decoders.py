"""Decoders, one group after the other, each for its minutes: `python -m tests.explore.decoders`.

A group is the tests that say of something, for anything it may be given: it becomes a value. They
run again and again with other examples, from seeds that are printed.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

EXAMPLES: Final = "400"
"""Of each property and seed; the minutes decide how many seeds there are."""
GROUPS: Final[Mapping[str, Sequence[str]]] = {
    "domain": [
        "tests/domain/test_job.py",
        "tests/domain/test_lane_record.py",
        "tests/domain/test_member_floor.py",
        "tests/domain/test_member_record.py",
        "tests/domain/test_message.py",
        "tests/domain/test_pause_request.py",
        "tests/stages/test_dead_letters.py",
    ],
    "sources": [
        "tests/sources/test_encodings.py",
        "tests/sources/test_expressions.py",
        "tests/sources/test_hostile.py",
        "tests/sources/test_json_text.py",
        "tests/sources/test_native.py",
        "tests/sources/test_native_removals.py",
        "tests/sources/test_timestamps.py",
        "tests/stages/ingest/test_hostile_events.py",
        "tests/identity",
    ],
    "topics": [
        "tests/operations/test_hostile_messages.py",
        "tests/operations/test_event_reading.py",
        "tests/operations/test_inspection.py",
        "tests/kafka/test_commit_metadata.py",
        "tests/stages/snapshot/test_hostile_records.py",
    ],
    "settings": [
        "tests/configuration/test_load.py",
        "tests/configuration/test_lock.py",
        "tests/configuration/test_consistency.py",
        "tests/settings",
    ],
    "answers": [
        "tests/destinations/test_hostile_answers.py",
        "tests/destinations/test_answers.py",
        "tests/destinations/test_token_answers.py",
        "tests/destinations/test_connections.py",
        "tests/destinations/test_metadata.py",
        "tests/destinations/test_errors.py",
    ],
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="decoders", description=__doc__)
    parser.add_argument("--group", choices=GROUPS, action="append", help="default: all")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each group")
    parser.add_argument("--seed", type=int, help="the first one")
    chosen = parser.parse_args()
    seed = random.randrange(2**31) if chosen.seed is None else chosen.seed
    found = [group for group in chosen.group or GROUPS if not explored(group, seed, chosen.minutes)]
    return 1 if found else 0


def explored(group: str, seed: int, minutes: float) -> bool:
    """Whether nothing was found in a group within its minutes; at least one seed is tried."""
    until, first, examples = time.monotonic() + minutes * 60, seed, 0
    while seed == first or time.monotonic() < until:
        ran = _run(GROUPS[group], seed)
        if ran.returncode != 0:
            print(ran.stdout[-6_000:], flush=True)
            print(f"{group}: FAILED; to repeat: --group {group} --seed {seed} --minutes 0")
            return False
        examples += sum(map(int, re.findall(r"(\d+) passing", ran.stdout)))
        seed += 1
    print(f"{group}: seeds {first} to {seed - 1}, {examples:,} examples, nothing found", flush=True)
    return True


def _run(tests: Sequence[str], seed: int) -> subprocess.CompletedProcess[str]:
    command = ["pytest", *tests, "-q", "-x", "-p", "no:cacheprovider", "--timeout", "3600"]
    options = [f"--hypothesis-seed={seed}", "--hypothesis-show-statistics"]
    environment = {
        **os.environ,
        "AUDIENCE_SEED": str(seed),
        "AUDIENCE_PROPERTIES": "explore",
        "AUDIENCE_EXAMPLES": EXAMPLES,
    }
    return subprocess.run(
        [sys.executable, "-m", *command, *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
