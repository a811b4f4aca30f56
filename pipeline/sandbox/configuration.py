"""Writes the configuration of a sandbox's pipeline, as a user would write it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.sandbox.demo_options import SandboxOptions
from pipeline.sandbox.event_formats import ATTRIBUTES, FORMATS
from pipeline.sandbox.expectation import Audience

DESTINATION = "amazon-sandbox"
ADOBE = "adobe-sandbox"
ORGANISATION = "0123456789ABCDEF01234567@AdobeOrg"
MIN_INTERVAL_SECONDS, QUIET_SECONDS, MAX_WAIT_SECONDS = 15, 2, 20
"""Short intervals, but long enough that a sandbox of some minutes stays within a day's budget."""
RUNS_A_DAY = 100
LARGEST_BATCH = 6_000
BATCHES_A_WINDOW = 60
"""The cap in batches: with larger batches, the safety margin would use most of the cap."""
IN_FLIGHT = 2
BODY_BYTES = 4_000_000
LATE_SECONDS = 4.0
"""Longer than an unanswered request can take to have its effect at the simulator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The credentials that the pipeline uses and the simulator accepts."""

    client_id: str
    client_secret: str
    refresh_token: str

    def __repr__(self) -> str:
        return f"<Login of {self.client_id}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdobeSurroundings:
    """The address of the simulated Adobe, and the folder for its files."""

    api_url: str
    token_url: str
    client_id: str
    client_secret: str
    files: Path

    def __repr__(self) -> str:
        return f"<AdobeSurroundings at {self.api_url}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The addresses of the broker, the partners and the pipeline itself."""

    broker: str
    has_transactions: bool
    namespace: str
    source_topic: str
    api_url: str
    token_url: str
    login: Login
    admin_port: int
    adobe: AdobeSurroundings | None = None
    """None: the run has no Adobe."""


def written(
    folder: Path, options: SandboxOptions, audiences: Sequence[Audience], around: Surroundings
) -> Path:
    """Write the file and return its path."""
    path = folder / "sandbox.yaml"
    path.write_text(yaml.safe_dump(document(options, audiences, around), sort_keys=False))
    return path


def document(
    options: SandboxOptions, audiences: Sequence[Audience], around: Surroundings
) -> Mapping[str, object]:
    """The configuration as a document. Times are short, so that a demonstration need not wait."""
    return {
        "kafka": {
            "bootstrap_servers": around.broker,
            "namespace": around.namespace,
            "exactly_once": around.has_transactions,
        },
        "sources": [{"topic": around.source_topic, **FORMATS[options.source_format].source}],
        "destinations": {DESTINATION: _destination(options, around), **_adobe(around.adobe)},
        "audiences": [
            _audience(audience, with_adobe=around.adobe is not None) for audience in audiences
        ],
        "upload": {"buffer_bytes": max(64_000_000, 4 * BODY_BYTES * options.connections)},
        "admin": {"host": "127.0.0.1", "port": around.admin_port},
        "logging": {"format": "json"},
    }


def _destination(options: SandboxOptions, around: Surroundings) -> dict[str, object]:
    return {
        "kind": "amazon_ads",
        "region": "NA",
        "api_url": around.api_url,
        "token_url": around.token_url,
        "client_id": around.login.client_id,
        "client_secret": around.login.client_secret,
        "refresh_token": around.login.refresh_token,
        "hourly_cap": options.cap.records,
        "cap_window_seconds": options.cap.window,
        "batch": {
            "max_records": max(1, min(LARGEST_BATCH, options.cap.records // BATCHES_A_WINDOW)),
            "max_bytes": BODY_BYTES,
            "linger_seconds": 1,
        },
        "max_in_flight": IN_FLIGHT,
        "requests_per_second": 100,
        "request_timeout_seconds": 20,
        "late_seconds": LATE_SECONDS,
        "backoff": {"initial_seconds": 0.25, "max_seconds": 5},
        "poll": {"initial_seconds": 1, "max_seconds": 2, "requests_per_second": 100},
    }


def _adobe(around: AdobeSurroundings | None) -> dict[str, object]:
    if around is None:
        return {}
    destination = {
        "kind": "adobe_external_audiences",
        "api_url": around.api_url,
        "token_url": around.token_url,
        "org_id": ORGANISATION,
        "sandbox": "demo",
        "client_id": around.client_id,
        "client_secret": around.client_secret,
        "storage": {"kind": "folder", "path": str(around.files)},
        "snapshot": {
            "min_interval_seconds": MIN_INTERVAL_SECONDS,
            "quiet_seconds": QUIET_SECONDS,
            "max_wait_seconds": MAX_WAIT_SECONDS,
            "runs_per_day": RUNS_A_DAY,
            "runs_per_audience_and_day": RUNS_A_DAY,
            "window_seconds": 1,
            "poll_seconds": 1,
        },
        "request_timeout_seconds": 20,
        "requests_per_second": 50,
    }
    return {ADOBE: destination}


def _audience(audience: Audience, *, with_adobe: bool) -> dict[str, object]:
    targets = _amazon_targets(audience)
    if with_adobe:
        targets.append(_adobe_target(audience))
    return {"audience": audience.name, "destinations": targets}


def _amazon_targets(audience: Audience) -> list[dict[str, object]]:
    return [
        {
            "destination": DESTINATION,
            "audience_id": target.audience_id,
            "connection_id": target.connection,
            "target_types": ["DSP"],
        }
        for target in audience.targets
    ]


def _adobe_target(audience: Audience) -> dict[str, object]:
    types = {"tier": "string", "visits": "integer"}
    return {
        "destination": ADOBE,
        "external_audience_id": audience.adobe_id,
        "identity": {"namespace": "email_lc_sha256", "from": "email", "column": "email"},
        "columns": [
            {"name": name, "from": f"attributes.{name}", "type": types[name]} for name in ATTRIBUTES
        ],
    }
