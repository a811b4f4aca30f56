"""How a command ends, as the shell and whatever restarts it see it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a run ended."""

    DRAINED = 0
    """Stopped on request; everything in flight was answered and committed."""
    FAILED = 1
    """Could not start, or failed in a way that a restart or a person must mend."""
    USAGE = 2
    """The configuration or the command line is wrong."""
    CUT_OFF = 3
    """Stopped on request, but some work did not end in time: it will be done again."""
    STUCK = 4
    """The watchdog ended a process that had work and made no progress."""
