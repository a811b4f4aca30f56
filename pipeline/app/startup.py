"""The admin endpoint from the first moment: while a start waits, it is alive and not ready."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from pipeline.app import status
from pipeline.app.admin import AdminServer, HealthReport
from pipeline.app.assembly import Pipeline
from pipeline.configuration.model import Settings
from pipeline.telemetry.first_values import KnownLabels
from pipeline.telemetry.prometheus import prometheus_telemetry


class Shown:
    """What the endpoint says: that the start waits, and later what the pipeline says itself."""

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
    """The admin endpoint, and what it shows.

    Raises:
        AdminAddressError: it cannot listen where the configuration says.
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
