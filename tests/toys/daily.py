"""A partner of snapshots: one file of all members, and runs that ingest it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal, Self

from pipeline.destinations.contract import DestinationSettings, Partner, Render, TargetSettings
from pipeline.destinations.control import Api, Finding
from pipeline.destinations.exchange import Request, Response, document
from pipeline.destinations.snapshots import (
    LandingZone,
    Run,
    RunAnswer,
    RunStarted,
    SnapshotAudience,
    Window,
)
from pipeline.destinations.storage_settings import FolderSettings
from pipeline.domain.change import MembershipChange
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.reasons import Rejected, Rendered, Withheld, WithheldReason
from pipeline.domain.send_result import Blocked, InDoubt
from pipeline.identity.hashing import HashOnce
from pipeline.settings.problems import Problem
from pipeline.settings.values import Url
from tests.fakes.snapshot_rules import RULES
from tests.toys.login import ToyLogin

RENDERING = "email/plain"


class DailySettings(DestinationSettings):
    """Where it is."""

    takes: ClassVar[Literal["changes", "snapshots"]] = "snapshots"
    api_url: Url


class DailyTarget(TargetSettings):
    """One audience, a lane of its own."""

    audience_key: str

    def audience(self) -> str | None:
        return self.audience_key

    def with_audience(self, audience: str) -> Self:
        return self.model_copy(update={"audience_key": audience})

    def lane(self) -> str:
        return self.audience_key

    def lane_keys(self) -> Mapping[str, object]:
        return {"audience_key": self.audience_key}

    def unmakeable(self, upstream_name: str) -> Problem | None:
        del upstream_name
        return None


class DailyFiles:
    """Files of one column, taken once a day."""

    rules = replace(RULES, runs_per_day=1, runs_per_audience_and_day=1)
    storage = FolderSettings(kind="folder", path=Path("daily"))
    contract = "daily"
    request_timeout = 60.0
    requests_per_second = 1.0

    def row(self, identity: str, cells: Sequence[str]) -> bytes:
        return ",".join((identity, *cells)).encode() + b"\n"

    def compose_landing_zone(self) -> Request:
        return Request(endpoint="zone", method="GET", path="/zone")

    def interpret_landing_zone(self, response: Response) -> LandingZone | Blocked | NotYet:
        return Blocked("unsupported", f"{response.status}: this partner provides no storage")

    def compose_run(self, audience: str, window: Window) -> Request:
        body = json.dumps({"from": window.start_s, "to": window.end_s}).encode()
        return Request(endpoint="runs", method="POST", path=f"/{audience}/runs", body=(body,))

    def interpret_run(self, response: Response) -> RunAnswer:
        match document(response.body):
            case {"run": str(run)}:
                return RunStarted(run)
            case _:
                return InDoubt(f"{response.status}")

    def compose_runs(self, audience: str) -> Request:
        return Request(endpoint="runs", method="GET", path=f"/{audience}/runs")

    def interpret_runs(self, response: Response) -> Sequence[Run] | NotYet:
        match document(response.body):
            case {"runs": list(runs)}:
                return [Run(one, Window(start_s=0, end_s=1), _DONE) for one in runs]
            case _:
                return NotYet(f"{response.status}")

    def compose_status(self, audience: str, run_id: str, contract: str | None = None) -> Request:
        return Request(endpoint="run", method="GET", path=f"/{audience}/runs/{run_id}")

    def interpret_status(self, response: Response) -> JobReport | NotYet:
        return _DONE if response.status == 200 else NotYet(f"{response.status}")


_DONE = JobReport(state="DONE", end="applied")


_INVALID_ID = Rejected("invalid_member_id", "member.id: is an address")


def _renderer(_settings: DailySettings, _target: DailyTarget) -> Render:
    def render(change: MembershipChange, _hash: HashOnce | None) -> Rendered | Withheld | Rejected:
        if change.action == "remove":
            return _INVALID_ID if "@" in change.member_id else Rendered(change.member_id, b"")
        consent = change.consent or {}
        if consent.get("files") in ("denied", "missing"):
            reason: WithheldReason = "consent_denied"
            if consent["files"] == "missing":
                reason = "consent_missing"
            return Withheld(reason)
        wanted = [one["email"] for one in change.identities if "email" in one]
        cells = [str(value) for value in (change.attributes or {}).values()] if wanted else []
        said = {"r": RENDERING, "i": wanted[0] if wanted else None, "c": cells}
        return Rendered(change.member_id, json.dumps(said, separators=(",", ":")).encode())

    return render


def _route(_settings: DailySettings, _target: DailyTarget) -> bytes:
    return b""


def _member_id(_settings: DailySettings, member: str) -> str:
    return member


def _login(settings: DailySettings) -> ToyLogin:
    return ToyLogin(settings.api_url)


def _base_url(settings: DailySettings) -> str:
    return settings.api_url


def _delivery(_settings: DailySettings, _targets: Sequence[DailyTarget]) -> DailyFiles:
    return DailyFiles()


def _snapshot_audience(
    _settings: DailySettings, target: DailyTarget, name: str
) -> SnapshotAudience:
    return SnapshotAudience(
        name=name,
        audience=target.audience_key,
        folder=target.audience_key,
        header=b"member\n",
        empty_row=b'""\n',
        rendering=RENDERING,
        lifetime=30 * 86_400,
    )


def _buffer_bytes(_settings: DailySettings) -> int:
    return 0


def _problems(_settings: DailySettings, targets: Sequence[DailyTarget]) -> Iterable[Problem]:
    if len(targets) > 1:
        remedy = "remove the others"
        yield Problem(path=("kind",), what="takes one audience", remedy=remedy)


def _advice(_settings: DailySettings, targets: Sequence[DailyTarget]) -> Iterable[str]:
    return [f"audience_key: {one.audience_key} is a toy" for one in targets]


async def _check_online(
    api: Api, _settings: DailySettings, targets: Sequence[DailyTarget]
) -> Sequence[Finding]:
    found = []
    for target in targets:
        answer = await api.call(DailyFiles().compose_runs(target.audience_key))
        text = f"{target.audience_key}: {answer}"
        found.append(Finding(text, is_bad=not isinstance(answer, Response)))
    return found


DAILY = Partner(
    kind="daily",
    settings=DailySettings,
    target=DailyTarget,
    base_url=_base_url,
    login=_login,
    renderer=_renderer,
    route=_route,
    member_id=_member_id,
    delivery=_delivery,
    snapshot_audience=_snapshot_audience,
    buffer_bytes=_buffer_bytes,
    problems=_problems,
    advice=_advice,
    check_online=_check_online,
)
