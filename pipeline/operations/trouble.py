"""The errors of operations; each message says on one line what to do.

OperationFailed      the operation could not be done
UsageRefused         the request makes no sense as written; nothing was tried
"""

from pathlib import Path


class OperationFailed(Exception):
    """The operation could not be done."""


class UsageRefused(Exception):
    """The request makes no sense as written; nothing was tried."""


def refused_path(path: Path, error: OSError, remedy: str) -> UsageRefused:
    """Return the refusal of a file or folder that a command was given and cannot use."""
    return UsageRefused(f"{path}: {(error.strerror or 'cannot be used').lower()}; {remedy}")
