"""Tunes the garbage collector for a process that runs for days and makes hardly any cycles.

By default Python looks for cycles whenever it has 700 more objects than before, and a batch in
flight has tens of thousands. Measured over two million records (benchmarks/both_steps.py): 14,400
looks, a quarter of the time, a stop of 0.25 s, and nothing found. Our own objects are freed with
their last reference (tests/simulation/test_garbage.py). Only libraries make cycles: for a failed
request, a closed connection, an exception that names its own frame.
"""

import gc

YOUNG_OBJECTS = 100_000
"""The collector looks when so many more objects were made than freed: about ten megabytes."""
OLDER_ROUNDS = 5
"""After so many looks at young objects it also looks at older ones."""


def settle() -> None:
    """Set up the collector once all parts are started: the present objects stay until the end.

    The collector ignores these objects (modules, settings, clients) and works on all later ones.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, OLDER_ROUNDS, OLDER_ROUNDS)
