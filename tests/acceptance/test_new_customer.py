"""The walk of a new customer, with the installed command and nothing prepared at the partner."""

import asyncio
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from pipeline.sandbox.amazon_ads.options import SimulatorOptions, strict
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.broker import EmbeddedBroker
from tests.acceptance.deployment import COMMAND, Deployment, event

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

LOGIN = {"client_id": "client", "client_secret": "secret", "refresh_token": "refresh"}
PARTNER = SimulatorOptions(client_id="client", client_secret="secret", refresh_token="refresh")
RECORDS = 3


class Customer:
    """Types what docs/operating.md says, and copies ids from one answer to the next command."""

    def __init__(self, config: Path) -> None:
        self._config = config

    async def types(self, line: str, *more: str, answers: str = "") -> str:
        """What a command prints; it must succeed."""
        done = await asyncio.to_thread(
            subprocess.run,
            [COMMAND, *line.split(), *more, "--config", str(self._config)],
            input=answers,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def reads(self, line: str, *more: str) -> Any:
        return json.loads(await self.types(line, *more, "--json"))


async def test_from_the_first_token_to_the_end_of_the_first_job(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    """
    Terms, accounts, instances, profiles, advertisers, connection, audience, first records, the
    job watched to its end; all that is known beforehand is the login.
    """
    options = strict(replace(PARTNER, job_seconds=(1.5, 1.5)))
    async with AmazonAdsSimulator(random=Random(1), options=options) as simulator:
        deployment = Deployment(
            tmp_path,
            embedded_broker.bootstrap_servers,
            namespace,
            simulator.url,
            destination={**LOGIN, "batch": {"linger_seconds": 0.2}},
            sections={"kafka": {"exactly_once": False}},
        )
        audience = await set_up(deployment)
        deployed = Path(tmp_path / "config.yaml")
        customer = Customer(deployed)
        await deployment.create_source()
        process = start(deployment, deployed)
        try:
            await deployment.produce(
                event("vip-customers", f"u-{number}", number=number) for number in range(RECORDS)
            )
            await deployment.until(lambda: simulator.totals()["records"]["accepted"] >= RECORDS, 60)
            jobs = await first_jobs(customer)
            watched = [await customer.reads(f"jobs watch {one['job_id']}") for one in jobs]
            size = (await customer.reads(f"audiences show {audience}"))["size"]
        finally:
            await deployment.stop(process)

    assert audience > 2**53
    assert {one["audience_id"] for one in jobs} == {str(audience)}
    assert {one["state"] for one in watched} == {"SUCCEEDED"}
    assert size["received_records"] == RECORDS
    assert {audience: {f"u-{number}": "add" for number in range(RECORDS)}} == simulator.membership()


async def set_up(deployment: Deployment) -> int:
    """All that is done once; the id of the audience."""
    path = deployment.folder / "config.yaml"
    document = deployment.document()
    document.pop("audiences")
    path.write_text(yaml.safe_dump(document))
    customer = Customer(path)

    await customer.types("terms accept", answers="accept\n")
    assert (await customer.reads("terms show"))["has_accepted"] is True
    [account, *_] = await customer.reads("accounts list")
    [instance, *_] = await customer.reads(f"instances list --account {account['account_id']}")
    profiles = await customer.reads("profiles list")
    [agency] = [one for one in profiles if one["account_type"] == "agency"]
    [advertiser, *_] = await customer.reads(f"advertisers list --profile {agency['profile_id']}")
    made = await customer.reads(
        f"connections create --default --amc-account {instance['account_id']}"
        f" --amc-marketplace {instance['marketplace_id']} --amc-instance {instance['instance_id']}"
        f" --dsp-advertiser {advertiser['advertiser_id']} --dsp-profile {advertiser['profile_id']}"
    )
    [listed] = await customer.reads("connections list")
    assert made["connection_id"] == listed["connection_id"]
    assert (listed["is_default"], listed["amc_instance_id"]) == (True, instance["instance_id"])
    target = {
        "destination": "amazon-na",
        "connection_id": made["connection_id"],
        "target_types": ["DSP"],
        "country": "US",
        "name": "VIP customers",
    }
    document["audiences"] = [{"audience": "vip-customers", "destinations": [target]}]
    path.write_text(yaml.safe_dump(document))
    assert "1 create" in await customer.types("audiences plan")
    [applied] = await customer.reads("audiences apply")
    shown = await customer.reads(f"audiences show {applied['audience_id']}")
    assert shown["name"] == "VIP customers"
    return int(shown["audience_id"])


def start(deployment: Deployment, config: Path) -> subprocess.Popen[bytes]:
    log = (deployment.folder / "run-0.log").open("wb")
    with log:
        process = subprocess.Popen(
            [COMMAND, "run", "--config", str(config)], stdout=log, stderr=subprocess.STDOUT
        )
    deployment.processes.append(process)
    return process


async def first_jobs(customer: Customer) -> list[Any]:
    """Those of the first records, once all are written down."""
    async with asyncio.timeout(60):
        while True:
            jobs: list[Any] = await customer.reads("jobs list")
            if sum(one["records"] for one in jobs) >= RECORDS:
                return jobs
            await asyncio.sleep(0.2)
