"""The cyclic collector of a process that runs for days and leaves hardly a cycle of its own.

By default Python looks for cycles whenever it has 700 objects more than before, and a batch in
flight is tens of thousands. Measured over two million records (benchmarks/both_steps.py): 14,400
looks, a quarter of the time, a stop of 0.25 s, and nothing found. For what we make is freed when
its last reference goes (tests/simulation/test_garbage.py). What is left are cycles of libraries: a
request that failed, a connection that closed, an exception that names its own frame.
"""

import gc

YOUNG_OBJECTS = 100_000
"""So many more than were let go of, and the collector looks: some ten megabytes of garbage."""
OLDER_ROUNDS = 5
"""So many looks at the young, and it looks at those that outlived one."""


def settle() -> None:
    """To be called once everything is assembled: what is there now stays until the end.

    Modules, settings and clients are moved out of the collector's sight. It stays on for the rest.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, OLDER_ROUNDS, OLDER_ROUNDS)
