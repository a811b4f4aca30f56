"""Opens the admin endpoint first: while a start waits, the process is alive but not ready."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from pipeline.app import status
from pipeline.app.admin import AdminServer, HealthReport
from pipeline.app.assembly import Pipeline
from pipeline.configuration.model import Settings
from pipeline.telemetry.first_values import KnownLabels
from pipeline.telemetry.prometheus import prometheus_telemetry


class Shown:
    """The endpoint's answers: first that the start waits, later those of the pipeline."""

    def __init__(self, waits_for: str) -> None:
        self._waits_for = waits_for
        self._telemetry = prometheus_telemetry(KnownLabels())
        self.pipeline: Pipeline | None = None

    def exposition(self) -> tuple[bytes, str]:
        telemetry = self._telemetry if self.pipeline is None else self.pipeline.telemetry
        return telemetry.metrics.exposition()

    def health(self) -> HealthReport:
        return HealthReport(True) if self.pipeline is None else status.health(self.pipeline)

    def readiness(self) -> HealthReport:
        if self.pipeline is None:
            return HealthReport(False, [f"starting: waiting for {self._waits_for}"])
        return status.readiness(self.pipeline)

    def status(self) -> Mapping[str, object]:
        if self.pipeline is None:
            return {"starting": f"waiting for {self._waits_for}"}
        return status.status(self.pipeline)


@asynccontextmanager
async def answering(settings: Settings) -> AsyncIterator[tuple[AdminServer, Shown]]:
    """Yield the listening admin endpoint, and the object with its answers.

    Raises:
        AdminAddressError: it cannot listen at the configured address.
    """
    shown = Shown(f"Kafka at {settings.kafka.bootstrap_servers}")
    async with AdminServer(
        host=settings.admin.host,
        port=settings.admin.port,
        exposition=shown.exposition,
        health=shown.health,
        readiness=shown.readiness,
        status=shown.status,
    ) as admin:
        yield admin, shown
