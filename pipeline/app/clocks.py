"""The clocks of the process, each for its own purpose."""

import time


def boot_seconds() -> float:
    """Return seconds of a clock that goes on while this machine is suspended, as others do."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def cap_seconds() -> float:
    """Return seconds of a clock that runs at the pace of the hardware; the cap is counted by it.

    The event loop's clock is also steady, but a time service that corrects the time without a jump
    makes it run faster (chrony by up to a twelfth). Its hour could be shorter than the partner's.
    Both clocks stand still while the machine is suspended, so no tokens are earned then.
    """
    return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)


def wall_ms() -> int:
    """Return the time of day, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
