"""Why an operation was not done; each message says what to do, on one line.

OperationFailed      it could not be done
UsageRefused         what was asked for makes no sense as it is written; nothing was tried
"""

from pathlib import Path


class OperationFailed(Exception):
    """It could not be done."""


class UsageRefused(Exception):
    """What was asked for makes no sense as it is written; nothing was tried."""


def refused_path(path: Path, error: OSError, remedy: str) -> UsageRefused:
    """What to say of a file or folder that a command was told and cannot use."""
    return UsageRefused(f"{path}: {(error.strerror or 'cannot be used').lower()}; {remedy}")
