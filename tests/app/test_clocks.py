"""Which of the machine's clocks is which: what rests on one must not be given another."""

import time

from pipeline.app import clocks


def test_the_cap_is_earned_by_the_clock_of_the_hardware() -> None:
    """
    The one that neither a correction of the time of day nor a suspended machine makes run faster.
    """
    before = time.clock_gettime(time.CLOCK_MONOTONIC_RAW)
    now = clocks.cap_seconds()
    after = time.clock_gettime(time.CLOCK_MONOTONIC_RAW)

    assert before <= now <= after


def test_ownership_is_counted_by_a_clock_that_goes_on_in_suspend() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = clocks.boot_seconds()
    after = time.clock_gettime(time.CLOCK_BOOTTIME)

    assert before <= now <= after
