"""The error that ends a run of the sandbox early."""


class SandboxTrouble(Exception):
    """The run could not finish; the message says what happened or what is missing."""
