"""Looks for what `make test` does not reach, from a printed seed.

Other examples, every decoder for its minutes, the running pipeline in a random world, and a storm.
"""

import argparse
import os
import random
import subprocess
import sys
from collections.abc import Sequence

CHANCE = [
    "-m",
    "not kafka and not storage and not acceptance",
    "-n",
    "2",
    "--dist",
    "loadfile",
    "--timeout",
    "3600",
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="explore", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeat what an earlier run found")
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="of the storm, of the fuzz and of each decoder"
    )
    chosen = parser.parse_args()
    minutes = str(chosen.minutes)
    seed = random.randrange(2**32) if chosen.seed is None else chosen.seed
    print(f"to repeat: make explore SEED={seed} MINUTES={chosen.minutes:g}", flush=True)
    found = [
        name
        for name, command in (
            ("examples", ["pytest", *CHANCE, f"--hypothesis-seed={seed}"]),
            ("decoders", ["tests.explore.decoders", "--seed", str(seed), "--minutes", minutes]),
            ("processes", ["tests.explore.processes", "--seed", str(seed), "--minutes", minutes]),
            ("storm", ["tests.chaos", "--seed", str(seed), "--minutes", minutes]),
        )
        if not _passes(command, seed)
    ]
    if found:
        print(f"{' and '.join(found)} failed: make explore SEED={seed} MINUTES={chosen.minutes:g}")
    return 1 if found else 0


def _passes(command: Sequence[str], seed: int) -> bool:
    environment = {**os.environ, "AUDIENCE_SEED": str(seed), "AUDIENCE_PROPERTIES": "explore"}
    ran = subprocess.run([sys.executable, "-m", *command], env=environment, check=False)
    return ran.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
