"""Why an operation was not done; each message says what to do, on one line.

OperationFailed      it could not be done
UsageRefused         what was asked for makes no sense as it is written; nothing was tried
"""


class OperationFailed(Exception):
    """It could not be done."""


class UsageRefused(Exception):
    """What was asked for makes no sense as it is written; nothing was tried."""
