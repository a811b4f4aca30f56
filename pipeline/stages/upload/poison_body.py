"""Tells a body on which the partner breaks from a partner that is broken."""

from typing import NamedTuple

PATIENCE = 5
"""Failures of one body, while others pass, after which it is searched for what makes it fail."""
PATIENCE_ALONE = 10
"""Of a record that stands alone: giving it up cannot be taken back."""
OTHERS_PASS = 10
"""So many other requests must pass for each that fails."""


class Tally(NamedTuple):
    """Requests of a lane so far: accepted, and answered with an error of the partner's own."""

    accepted: int = 0
    partner_errors: int = 0


def is_poison_body(records: int, partner_errors: int, before: Tally, now: Tally) -> bool:
    """Whether it is a body of so many records that makes the partner stumble over it.

    `before` is the lane's tally when the body was first sent. Only if others pass, and nearly all
    of them: a partner that fails every other request fails one and the same five times in a row,
    sooner or later.
    """
    passed = now.accepted - before.accepted
    others = now.partner_errors - before.partner_errors - partner_errors
    patience = PATIENCE if records > 1 else PATIENCE_ALONE
    return partner_errors >= patience and passed >= max(1, OTHERS_PASS * others)
