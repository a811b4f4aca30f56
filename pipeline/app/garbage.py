"""The cyclic collector of a process that runs for days and leaves hardly a cycle of its own.

By default Python looks for cycles whenever it has 700 objects more than before, and a batch in
flight is tens of thousands. Measured over two million records (benchmarks/both_steps.py): 14,400
looks, a quarter of the time, a stop of 0.25 s, and nothing found. For what we make is freed when
its last reference goes (tests/simulation/test_garbage.py). What is left are cycles of libraries: a
request that failed, a connection that closed, an exception that names its own frame.
"""

import gc

YOUNG_OBJECTS = 100_000
"""The collector looks when so many more were made than freed: about ten megabytes."""
OLDER_ROUNDS = 5
"""After so many looks at the young ones it also looks at those that outlived a look."""


def settle() -> None:
    """To be called once everything is assembled: what is there now stays until the end.

    Modules, settings and clients are moved out of the collector's sight. It stays on for the rest.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, OLDER_ROUNDS, OLDER_ROUNDS)
