"""What one attempt to hand records to a partner can come to. Closed: whoever matches covers all."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

BlockCause = Literal[
    "unauthorised",  # the token is not accepted, or no token is to be had
    "forbidden",  # permission or terms are missing
    "not_found",  # the endpoint or the account is not there
    "unsupported",  # the partner does not speak this media type or operation
    "wrong_address",  # the partner sends us elsewhere, and we do not follow
    "mostly_refused",  # more than a tenth of a batch was refused: it is not the records
    "not_the_partner",  # something else answers, or nothing that was taken gets a job
    "unknown_version",  # another version of this program wrote the next record
    "internal",  # what composes requests or reads answers raised an error
]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The partner took the records; the job follows, unless it named none."""

    job_id: str | None


@dataclass(frozen=True, slots=True)
class Invalid:
    """One record that the partner names in its answer, in the partner's words."""

    index: int
    """Of the record in its request, from zero."""
    error: str

    def __repr__(self) -> str:
        return f"<Invalid record {self.index}>"


@dataclass(frozen=True, slots=True)
class Applied:
    """The partner carried out every record that it does not name; there is no job to follow."""

    invalid: tuple[Invalid, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Something in this batch is not acceptable; nothing of it was taken."""

    detail: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The body is over the partner's limit; nothing of it was taken."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A person must mend something before this lane can go on; nothing was taken."""

    cause: BlockCause
    detail: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too fast; nothing was taken. `wait` in seconds, None when the partner named no time."""

    wait: float | None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The records may have been taken, now or later: nobody said so."""

    detail: str
    wait: float | None = None
    """Seconds that the partner asked us to wait, if it did."""
    status: int | None = None
    """Of the answer; None where nobody answered."""


@dataclass(frozen=True, slots=True)
class NotThePartner:
    """A 2xx that did not come from the partner's service: not an acceptance.

    `detail` says what answered: a firewall's page, an error in JSON, nothing at all.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request did not leave, or not whole: nothing can have been taken."""

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
