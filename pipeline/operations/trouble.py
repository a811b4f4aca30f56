"""The errors of operations; each message says on one line what to do.

OperationFailed      the operation could not be done
UsageRefused         the request makes no sense as written; nothing was tried
"""


class OperationFailed(Exception):
    """The operation could not be done."""


class UsageRefused(Exception):
    """The request makes no sense as written; nothing was tried."""
