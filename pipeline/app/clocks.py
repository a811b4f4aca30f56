"""The clocks of the process, each for what it alone is good for."""

import time


def boot_seconds() -> float:
    """Goes on while the machine is suspended: other machines' clocks do, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def cap_seconds() -> float:
    """Runs at the pace of the hardware: what the cap is earned by.

    The clock of the event loop is steady and not free: whoever corrects the time of day without a
    jump makes that clock run faster, chrony by up to a twelfth, and an hour of it would be shorter
    than the partner's. Beside that both stand still in suspend, where nothing is earned.
    """
    return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)


def wall_ms() -> int:
    """The time of day, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
