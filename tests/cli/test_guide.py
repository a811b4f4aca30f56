"""docs/operating.md, done from its top to its end: every command runs and shows what it says."""

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.configuration.load import load
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes
from pipeline.destinations.amazon_ads.changes import LaneTarget, compose_records
from pipeline.destinations.exchange import Response
from pipeline.domain.job import Job
from pipeline.domain.lane_record import encode_header, member_key
from pipeline.domain.offset_ranges import encode_ranges
from pipeline.kafka.topic_plans import lane_topic
from pipeline.kafka.topics import Topics
from pipeline.operations.cluster_setup import own_topics
from pipeline.operations.partner_api import partner_apis
from pipeline.sandbox.broker import EmbeddedBroker
from tests.cli.test_commands import (
    Operator,
    Ran,
    _logging_is_put_back,
    operator,
    run,
    there,
    written,
)
from tests.configuration.amazon import targets
from tests.conftest import Cluster
from tests.documented_commands import NAME
from tests.servers.kafka_clients import administering, producing

__all__ = ["_logging_is_put_back", "operator"]

GUIDE = Path(__file__).parents[2] / "docs" / "operating.md"
BLOCK = re.compile(r"^```(yaml|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
JOB = "0f0c8d8e-4b1a-4f0e-9a53-6f6f0c1d2e3f"
LEFT = "amazon-na.advertiser-585806696618602001"
ANSWERS = {
    "terms accept": "accept\n",
    "normalize email": "Ana@Example.com",
    "lanes retire": f"retire {LEFT}\n",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A command of the guide, and the first line that it is said to print."""

    line: str
    first: str


@dataclass(slots=True)
class Reader:
    """Somebody who does what the guide says, with the ids that come of it."""

    operator: Operator
    cluster: Cluster
    namespace: str
    ids: dict[str, str] = field(default_factory=dict)

    def configure(self, text: str) -> None:
        """Put a block of the guide into the file; its login and addresses are the simulator's."""
        said: dict[str, Any] = yaml.safe_load(self._with_ids(text))
        document = yaml.safe_load(self.operator.config.read_text()) | said
        poll = {"initial_seconds": 0.2, "max_seconds": 1}
        document["destinations"] = {"amazon-na": there(self.operator.simulator.url, poll=poll)}
        document["sources"] = [{"topic": "cdp"}]
        document["kafka"] = {
            "bootstrap_servers": self.cluster.bootstrap_servers,
            "namespace": self.namespace,
            "exactly_once": False,
        }
        written(self.operator.config.parent, document)

    async def does(self, shown: Shown) -> Ran:
        line = self._with_ids(shown.line).replace("--config pipeline.yaml", "")
        name = " ".join(line.split()[:2])
        await self._prepare(name)
        answers = ANSWERS.get(name, "")
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
        if name == "normalize email":
            return await asyncio.to_thread(run, words, answers)
        return await self.operator.types("", *words, answers=answers)

    def learn(self, shown: Shown, ran: Ran) -> None:
        """The ids that the guide has, and those that were drawn."""
        marker = "connection made: "
        if shown.first.startswith(marker):
            drawn = ran.out.strip().removeprefix(marker)
            self.ids[shown.first.removeprefix(marker)] = drawn

    def _with_ids(self, text: str) -> str:
        for documented, drawn in self.ids.items():
            text = text.replace(documented, drawn)
        return text

    async def _prepare(self, name: str) -> None:
        """What a running pipeline would have made by then: topics, a record, a job."""
        if name != "jobs list":
            return
        settings = load(self.operator.config, {})
        [lane] = lanes(settings)
        [target] = targets(settings)[:1]
        audience = str(target.audience_id)
        async with administering(self.cluster) as admin:
            left = lane_topic(f"{self.namespace}.records.{LEFT}")
            await Topics(admin, None).create([*own_topics(settings), left])
        self.ids[JOB] = await self._upload(settings, target.connection_id, audience)
        async with producing(self.cluster) as producer:
            key, headers = member_key(audience, "u-1001"), encode_header("add", 0, b"DSP", 0, 0)
            await producer.send_and_wait(lane.topic, b"{}", key, headers=headers)
            job = Job(
                job_id=self.ids[JOB],
                destination="amazon-na",
                connection=lane.connection,
                audience_id=audience,
                records=1,
                removes=0,
                oldest_changed_at_ms=0,
                first_offset=0,
                last_offset=0,
                submitted_at_ms=time.time_ns() // 1_000_000,
                offsets=encode_ranges([0]),
            )
            await producer.send_and_wait(f"{self.namespace}.jobs", job.encode(), b"job")

    async def _upload(self, settings: Settings, connection: str | None, audience: str) -> str:
        """The job of one record that was sent."""
        lane = LaneTarget(connection, {audience: ("DSP",)})
        record = (
            b'{"externalUserId":"u-1001","countryCode":"US","action":"CREATE",'
            b'"hashedPII":[{"email":"' + b"a" * 64 + b'"}]}'
        )
        request = compose_records(lane, audience, b"DSP", [record])
        async with partner_apis(settings) as apis:
            answer = await apis["amazon-na"].call(request)
        assert isinstance(answer, Response)
        found = re.search(rb'"jobRequestId": ?"([^"]+)"', answer.body)
        assert found is not None, answer.body
        return found[1].decode()


def blocks() -> Iterator[str | Shown]:
    """The guide in its order: texts of YAML, and commands."""
    for language, block in BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        if language == "yaml":
            yield block
            continue
        for one in re.split(r"^\$ ", block.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
            line, _, said = one.partition("\n")
            # A prompt is shown on a terminal only.
            lines = [text for text in said.splitlines() if not text.endswith(":")]
            yield Shown(line.removeprefix(f"{NAME} "), lines[0])


async def test_the_guide_can_be_followed_from_its_top_to_its_end(
    operator: Operator, embedded_broker: EmbeddedBroker, namespace: str
) -> None:
    """
    Each command ends well and prints the heading, or the words, that the guide shows.
    """
    reader = Reader(operator, embedded_broker, namespace)
    done = 0
    for block in blocks():
        if isinstance(block, str):
            reader.configure(block)
            continue
        ran = await reader.does(block)
        assert ran.code == 0, (block.line, ran.err)
        assert agrees(block.first, ran), (block.line, block.first, ran.out)
        reader.learn(block, ran)
        done += 1

    assert done > 15


def agrees(documented: str, ran: Ran) -> bool:
    """Whether a line looks like the documented one: the same words, but for what was drawn."""
    pattern = re.compile(r"[0-9a-f-]{8,}|[\d,]+|\.\.\.|…")
    said = [word for word in documented.split() if not pattern.search(word)]
    lines = [*ran.out.splitlines(), *ran.err.splitlines()]
    return any(set(said) <= set(line.split()) for line in lines) or not said
