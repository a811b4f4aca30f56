"""`PartnerTelemetry` as series."""

from typing import Final, get_args

from pipeline.telemetry.facts import TokenOutcome
from pipeline.telemetry.first_values import KnownLabels, crossed
from pipeline.telemetry.metrics import Metrics

_REQUEST_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)


class PartnerMetrics:
    """The metrics of the clients of partners."""

    def __init__(self, metrics: Metrics, known: KnownLabels) -> None:
        # No first values: the codes are the partner's.
        self._requests = metrics.counter(
            "requests", ("destination", "endpoint", "code"), "Requests to a partner, by answer."
        )
        self._duration = metrics.histogram(
            "request_duration_seconds",
            (),
            "Time from a request to its answer or end.",
            bounds=_REQUEST_SECONDS,
        )
        self._tokens = metrics.counter(
            "token_refreshes",
            ("destination", "outcome"),
            "Access tokens asked for.",
            begins=crossed(known.of_destinations(), get_args(TokenOutcome)),
        )
        # One series for all destinations, as published; `requests` tells them apart.
        self._polls = metrics.counter(
            "status_polls", ("code",), "Questions for the state of a job, by answer."
        )

    def request_answered(
        self, *, destination: str, endpoint: str, code: str, seconds: float
    ) -> None:
        self._requests.add(1, destination, endpoint, code)
        self._duration.observe(seconds)

    def tokens_refreshed(self, *, destination: str, outcome: TokenOutcome) -> None:
        self._tokens.add(1, destination, outcome)

    def status_polled(self, *, destination: str, code: str) -> None:  # noqa: ARG002
        self._polls.add(1, code)
