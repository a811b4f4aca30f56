"""A partner of changes whose answer is the end: it names each invalid record and has no jobs.

It counts requests and bytes, not records.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from pipeline.destinations.changes import Jobs, RequestLimits, Sending
from pipeline.destinations.contract import DestinationSettings, Partner, Render, TargetSettings
from pipeline.destinations.control import Api, Finding
from pipeline.destinations.exchange import Request, Response, document
from pipeline.domain.change import MembershipChange
from pipeline.domain.quota import Quota
from pipeline.domain.reasons import Rejected, Rendered, Withheld
from pipeline.domain.send_result import Answer, Applied, Blocked, InDoubt, Invalid, Throttled
from pipeline.identity.hashing import HashOnce
from pipeline.settings.problems import Problem
from pipeline.settings.values import Url
from tests.toys.login import ToyLogin

LIMITS = RequestLimits(max_records=50, max_bytes=20_000, overhead_bytes=64)


class InstantSettings(DestinationSettings):
    """Where it is."""

    api_url: Url
    requests_per_minute: int = 1_000
    bytes_per_minute: int = 10_000_000


class InstantTarget(TargetSettings):
    """A list of one account."""

    list_id: str | None = None
    account: str

    def audience(self) -> str | None:
        return self.list_id

    def with_audience(self, audience: str) -> Self:
        return self.model_copy(update={"list_id": audience})

    def lane(self) -> str:
        return self.account

    def lane_keys(self) -> Mapping[str, object]:
        return {"account": self.account}

    def unmakeable(self, upstream_name: str) -> Problem | None:
        del upstream_name
        return Problem(path=("list_id",), what="is required and missing", remedy="add it")


class InstantLane:
    """The lists of one account."""

    jobs: Jobs | None = None

    def __init__(self, settings: InstantSettings) -> None:
        self.quota = Quota(
            window=60.0, requests=settings.requests_per_minute, bytes=settings.bytes_per_minute
        )
        self.limits = LIMITS
        self.sending = Sending(
            linger=0.2,
            max_in_flight=2,
            late=1.0,
            request_timeout=10.0,
            requests_per_second=100.0,
            first_backoff=0.1,
            longest_backoff=1.0,
        )

    def misfit(self, audience: str, route: bytes) -> str | None:
        del audience, route
        return None

    def overhead_bytes(self, audience: str) -> int:
        return len(self._frame(audience))

    def compose(self, audience: str, route: bytes, records: Sequence[bytes]) -> Request:
        del route
        start, end = self._frame(audience)[:-2], b"]}"
        body = (start, b",".join(records), end)
        return Request(endpoint="members", method="POST", path="/members", body=body)

    def interpret(self, response: Response, records: int) -> Answer:
        said = document(response.body)
        match response.status, said:
            case 200, {"applied": int(applied), "invalid": list(invalid)}:
                named = tuple(Invalid(one["index"], one["error"]) for one in invalid)
                assert applied + len(named) == records
                return Applied(named)
            case 429, _:
                return Throttled(response.wait)
            case 403, _:
                return Blocked("forbidden", "the account is closed")
            case _:
                return InDoubt(f"{response.status}")

    @staticmethod
    def _frame(audience: str) -> bytes:
        return b'{"list":' + json.dumps(audience).encode() + b',"members":[]}'


def _renderer(_settings: InstantSettings, _target: InstantTarget) -> Render:
    def render(change: MembershipChange, _hash: HashOnce | None) -> Rendered | Withheld | Rejected:
        value = {"member": change.member_id, "action": change.action}
        return Rendered(change.member_id, json.dumps(value).encode())

    return render


def _route(_settings: InstantSettings, _target: InstantTarget) -> bytes:
    return b""


def _member_id(_settings: InstantSettings, member: str) -> str:
    return member


def _login(settings: InstantSettings) -> ToyLogin:
    return ToyLogin(settings.api_url)


def _base_url(settings: InstantSettings) -> str:
    return settings.api_url


def _delivery(settings: InstantSettings, _targets: Sequence[InstantTarget]) -> InstantLane:
    return InstantLane(settings)


def _buffer_bytes(_settings: InstantSettings) -> int:
    return 2 * LIMITS.max_bytes


def _problems(_settings: InstantSettings, _targets: Sequence[InstantTarget]) -> Iterable[Problem]:
    return ()


def _advice(_settings: InstantSettings, targets: Sequence[InstantTarget]) -> Iterable[str]:
    return [f"account: {one.account} is a toy" for one in targets]


async def _check_online(
    api: Api, _settings: InstantSettings, _targets: Sequence[InstantTarget]
) -> Sequence[Finding]:
    answer = await api.call(Request(endpoint="lists", method="GET", path="/lists"))
    if not isinstance(answer, Response):
        return [Finding(str(answer), is_bad=True)]
    return [Finding(f"it answers {answer.status}")]


INSTANT = Partner(
    kind="instant",
    settings=InstantSettings,
    target=InstantTarget,
    base_url=_base_url,
    login=_login,
    renderer=_renderer,
    route=_route,
    member_id=_member_id,
    delivery=_delivery,
    buffer_bytes=_buffer_bytes,
    problems=_problems,
    advice=_advice,
    check_online=_check_online,
)
