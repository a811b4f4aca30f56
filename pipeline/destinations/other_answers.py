"""Interprets answers that do not depend on the request, such as a redirect or a 5xx.

They mean the same at every partner.
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
"""The cause that a person must correct, by status."""


def other_answer(response: Response, said: str) -> Blocked | InDoubt:
    """Blocked if a person must help, otherwise in doubt. `said` are the partner's words."""
    status = response.status
    if status in CAUSES:
        return Blocked(CAUSES[status], said)
    if status == 408 or status >= 500:
        return InDoubt(said, wait=response.wait, status=status)
    if status >= 400:
        # The answer does not blame our records, so they stay where they are.
        return Blocked("unsupported", said)
    return InDoubt(f"unexpected status {status}", status=status)


def try_again(status: int, wait: str | None) -> str | None:
    """A remedy if waiting helps, else None; `wait` is `Retry-After`, seconds or a date."""
    if status == 429:
        return f"too many requests: try again {_when(wait)}"
    if status >= 500 or status == 408:
        return f"the partner is in trouble: try again {_when(wait)}"
    return None


def _when(wait: str | None) -> str:
    if not wait:
        return "in a minute"
    return f"in {wait} seconds" if wait.isdigit() else f"after {wait}"
