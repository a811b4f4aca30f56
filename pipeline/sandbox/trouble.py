"""What can keep a run of the sandbox from its end."""


class SandboxTrouble(Exception):
    """The run could not come to its end; the message says what happened or what is missing."""
