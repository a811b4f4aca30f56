"""`check --online` names what the partner does not know before a run finds out."""

from pathlib import Path

import pytest
import yaml

from pipeline.configuration.load import load_with_lock
from pipeline.destinations.control import Finding
from pipeline.operations import check
from pipeline.operations.partner_api import partner_apis
from pipeline.sandbox.amazon_ads.faults import Fault, ScriptedFault
from pipeline.sandbox.server_process import free_port
from tests.cli.test_commands import Operator, _logging_is_put_back, operator, there, written
from tests.configuration.test_example_files import CONNECTION

__all__ = ["_logging_is_put_back", "operator"]


async def findings(operator: Operator) -> list[Finding]:
    settings = load_with_lock(operator.config, {}, needs_ids=False).settings
    async with partner_apis(settings) as apis:
        return [one async for one in check.partners(settings, apis)]


def target(operator: Operator, connection: str, audience_id: int | None) -> None:
    document = yaml.safe_load(operator.config.read_text())
    way = {"destination": "amazon-na", "connection_id": connection, "audience_id": audience_id}
    document |= {
        "sources": [{"topic": "cdp"}],
        "audiences": [{"audience": "vip-customers", "destinations": [way]}],
    }
    written(operator.config.parent, document)


async def test_what_the_partner_knows_is_well(operator: Operator) -> None:
    await operator.types("terms accept", answers="accept\n")
    connection = await operator.connection()
    audience = await operator.audience("--connection", connection)
    target(operator, connection, audience)

    found = await findings(operator)

    assert found == [Finding("destinations.amazon-na: token granted, terms accepted")]


async def test_a_connection_and_an_audience_that_the_partner_does_not_know_are_named(
    operator: Operator,
) -> None:
    await operator.types("terms accept", answers="accept\n")
    target(operator, CONNECTION, 7)

    _, connection, audience = await findings(operator)

    assert connection.is_bad
    assert audience.is_bad
    assert (
        f"the partner knows no connection {CONNECTION}: see `connections list`" in connection.text
    )
    assert "the partner knows no audience 7" in audience.text


async def test_an_audience_that_is_not_made_yet_is_not_asked_for(operator: Operator) -> None:
    await operator.types("terms accept", answers="accept\n")
    target(operator, await operator.connection(), None)

    assert [one.is_bad for one in await findings(operator)] == [False]


async def test_terms_that_are_not_accepted_are_the_first_thing_to_mend(operator: Operator) -> None:
    target(operator, CONNECTION, 7)

    [finding] = await findings(operator)

    assert finding.is_bad
    assert "the AMC terms are not accepted" in finding.text
    assert "`terms accept`" in finding.text


@pytest.mark.parametrize("endpoint", ["terms.show", "audiences.show"])
async def test_a_partner_in_trouble_is_said_once(operator: Operator, endpoint: str) -> None:
    await operator.types("terms accept", answers="accept\n")
    target(operator, await operator.connection(), 7)
    fault = ScriptedFault(endpoint=endpoint, fault=Fault(status=503))  # type: ignore[arg-type]
    operator.simulator.script(fault)

    *_, last = await findings(operator)

    assert last.is_bad
    assert "503" in last.text


async def test_a_dead_token_address_is_said_as_such(operator: Operator, tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}/token"
    document = there(operator.simulator.url) | {"token_url": dead}
    written(tmp_path, {"destinations": {"amazon-na": document}})

    [finding] = await findings(operator)

    assert finding.is_bad
    assert f"no access token from {dead}" in finding.text
    assert "check token_url" in finding.text
