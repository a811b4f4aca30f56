"""The possible results of one attempt to send records. The set is closed, to be matched in full."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

BlockCause = Literal[
    "unauthorised",  # the partner does not accept the token, or gives none
    "forbidden",  # permission or terms are missing
    "not_found",  # the endpoint or the account does not exist
    "unsupported",  # the partner does not speak this media type or operation
    "wrong_address",  # the partner sends us elsewhere, and we do not follow
    "mostly_refused",  # more than a tenth of a batch was refused: the records are not the cause
    "not_the_partner",  # something else answers, or no accepted request gets a job
    "unknown_version",  # another version of this program wrote the next record
    "internal",  # our code raised an error while it composed a request or read an answer
]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The partner took the records; the job follows, unless it named none."""

    job_id: str | None


@dataclass(frozen=True, slots=True)
class Invalid:
    """One record that the partner names in its answer, in the partner's words."""

    index: int
    """The record's place in its request, from zero."""
    error: str

    def __repr__(self) -> str:
        return f"<Invalid record {self.index}>"


@dataclass(frozen=True, slots=True)
class Applied:
    """The partner applied every record that it does not name; there is no job to follow."""

    invalid: tuple[Invalid, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The partner refused something in this batch, and took nothing of it."""

    detail: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The body is over the partner's limit; the partner took nothing of it."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A person must mend something before this lane can go on; the partner took nothing."""

    cause: BlockCause
    detail: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """We were too fast; the partner took nothing. `wait`: seconds; None: the partner named none."""

    wait: float | None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The partner may have taken the records, or may take them later; we have no clear answer."""

    detail: str
    wait: float | None = None
    """Seconds that the partner asked us to wait, if it did."""
    status: int | None = None
    """The status of the answer; None without an answer."""


@dataclass(frozen=True, slots=True)
class NotThePartner:
    """A 2xx that did not come from the partner's service: not an acceptance.

    `detail` says what answered: a firewall's page, an error in JSON, nothing at all.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """The whole request was not sent, so the partner cannot have taken anything."""

    detail: str


Answer: TypeAlias = (
    Accepted
    | Applied
    | Refused
    | TooLarge
    | Blocked
    | Throttled
    | InDoubt
    | NotThePartner
    | NotSent
)
