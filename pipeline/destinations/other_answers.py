"""Answers that do not speak of what was sent: what they mean, and what a person does about them.

They are the same at every partner.
"""

from collections.abc import Mapping
from typing import Final

from pipeline.destinations.exchange import Response
from pipeline.domain.send_result import BlockCause, Blocked, InDoubt

CAUSES: Final[Mapping[int, BlockCause]] = {
    401: "unauthorised",
    403: "forbidden",
    404: "not_found",
    405: "unsupported",
    406: "unsupported",
    415: "unsupported",
    501: "unsupported",
}
"""What a person must mend, by status."""


def other_answer(response: Response, said: str) -> Blocked | InDoubt:
    """Blocked where a person must help, else in doubt. `said` are the partner's words."""
    status = response.status
    if status in CAUSES:
        return Blocked(CAUSES[status], said)
    if status == 408 or status >= 500:
        return InDoubt(said, wait=response.wait, status=status)
    if status >= 400:
        # Nobody said that it is what we sent, so that stays where it is.
        return Blocked("unsupported", said)
    return InDoubt(f"unexpected status {status}", status=status)


def try_again(status: int, wait: str | None) -> str | None:
    """What helps, where it is to wait; `wait` is the partner's `Retry-After`, seconds or a date."""
    if status == 429:
        return f"too many requests: try again {_when(wait)}"
    if status >= 500 or status == 408:
        return f"the partner is in trouble: try again {_when(wait)}"
    return None


def _when(wait: str | None) -> str:
    if not wait:
        return "in a minute"
    return f"in {wait} seconds" if wait.isdigit() else f"after {wait}"
