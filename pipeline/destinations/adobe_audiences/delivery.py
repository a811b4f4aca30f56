"""Implements the contract of snapshots for Adobe."""

from collections.abc import Sequence

from pipeline.destinations.adobe_audiences.file_shape import row
from pipeline.destinations.adobe_audiences.generations import (
    GENERATIONS,
    Generation,
    generation_called,
)
from pipeline.destinations.adobe_audiences.landing_zone import (
    compose_landing_zone,
    interpret_landing_zone,
)
from pipeline.destinations.adobe_audiences.runs import (
    compose_run,
    compose_runs,
    compose_status,
    interpret_run,
    interpret_runs,
    interpret_status,
)
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.snapshots import (
    LandingZone,
    Run,
    RunAnswer,
    SnapshotRules,
    Window,
)
from pipeline.destinations.storage_settings import StorageSettings
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import Blocked


class AdobeSnapshots:
    """The files and runs of one sandbox."""

    def __init__(
        self,
        generation: Generation,
        *,
        rules: SnapshotRules,
        storage: StorageSettings,
        request_timeout: float,
        requests_per_second: float,
    ) -> None:
        self._generation = generation
        self.rules = rules
        self.storage = storage
        self.request_timeout = request_timeout
        self.requests_per_second = requests_per_second

    @property
    def contract(self) -> str:
        return self._generation.name

    def row(self, identity: str, cells: Sequence[str]) -> bytes:
        return row(identity, cells)

    def compose_landing_zone(self) -> Request:
        return compose_landing_zone()

    def interpret_landing_zone(self, response: Response) -> LandingZone | Blocked | NotYet:
        return interpret_landing_zone(response)

    def compose_run(self, audience: str, window: Window) -> Request:
        return compose_run(self._generation, audience, window)

    def interpret_run(self, response: Response) -> RunAnswer:
        return interpret_run(response)

    def compose_runs(self, audience: str) -> Request:
        return compose_runs(self._generation, audience)

    def interpret_runs(self, response: Response) -> Sequence[Run] | NotYet:
        return interpret_runs(response, usual_window=2 * self.rules.window_margin)

    def compose_status(self, audience: str, run_id: str, contract: str | None = None) -> Request:
        return compose_status(generation_called(contract, self._generation), audience, run_id)

    def interpret_status(self, response: Response) -> JobReport | NotYet:
        return interpret_status(response)


def snapshots(settings: AdobeSettings) -> AdobeSnapshots:
    """The snapshots of the sandbox with these settings."""
    return AdobeSnapshots(
        GENERATIONS[settings.contract],
        rules=settings.rules(),
        storage=settings.storage,
        request_timeout=settings.request_timeout_seconds,
        requests_per_second=settings.requests_per_second,
    )
