"""The configuration of a fuzz, and what is produced in it, as its seed has them."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

from pipeline.domain.names import Names
from pipeline.sandbox.event_formats import FORMATS
from tests.acceptance.deployment import Deployment
from tests.explore.random_events import RandomEvents
from tests.explore.random_messages import RandomMessages

DESTINATION: Final = "amazon-na"
CONNECTIONS: Final = 3
AUDIENCES: Final = 5
PARTITIONS: Final = 2
CAP, WINDOW_SECONDS = 40_000, 5.0
STAGES: Final[Sequence[Sequence[str]]] = (
    ("ingest,upload,poll",),
    ("ingest", "upload", "poll"),
    ("ingest,poll", "upload"),
)


DESTINATION_SETTINGS: Mapping[str, object] = {
    "hourly_cap": CAP,
    "cap_window_seconds": WINDOW_SECONDS,
    "request_timeout_seconds": 2,
    "late_seconds": 0.5,
    "backoff": {"initial_seconds": 0.1, "max_seconds": 0.5},
    "poll": {
        "initial_seconds": 0.5,
        "max_seconds": 2,
        "give_up_after_seconds": 3600,
        "requests_per_second": 500,
    },
}


def fuzzed_document(
    deployment: Deployment, random: Random, *, is_exactly_once: bool
) -> dict[str, Any]:
    """The sources are of several formats, and much else is as the seed has it."""
    document = deployment.document()
    names = ["native", *random.sample(sorted(set(FORMATS) - {"native"}), 2)]
    document["sources"] = [
        {"topic": f"{deployment.namespace}-{name.replace('_', '-')}", **FORMATS[name].source}
        for name in names
    ]
    document["kafka"]["exactly_once"] = is_exactly_once
    document["dead_letters"] = {"payload": random.choice(("original", "reference"))}
    document["upload"] = {"probe_seconds": 1}
    document["poll"] = {"carry_over_seconds": 5}
    document["run"] = {"watchdog_seconds": 60, "grace_seconds": 8}
    document["destinations"][DESTINATION]["batch"] = {
        "max_records": random.choice((20, 80, 200)),
        "linger_seconds": 0.3,
    }
    document["destinations"][DESTINATION]["max_in_flight"] = random.choice((1, 4))
    document["admin"] = {"host": "127.0.0.1"}
    return document


class FuzzedWorld:
    """What is drawn from a seed."""

    def __init__(
        self,
        *,
        random: Random,
        names: Names,
        documents: Sequence[Mapping[str, Any]],
        audiences: Sequence[str],
    ) -> None:
        self.random = random
        self.names = names
        self.events = {
            source["topic"]: RandomEvents(
                Random(f"{random.random()}"), FORMATS[source["format"]], audiences
            )
            for source in documents
        }
        connections = [f"connection-{number}" for number in range(CONNECTIONS - 1)]
        self.messages = RandomMessages(
            Random(f"{random.random()}"), names, destination=DESTINATION, connections=connections
        )
        self.blocked_topic = f"{names.lane_prefix}{DESTINATION}.connection-{CONNECTIONS - 1}"
