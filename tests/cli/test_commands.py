"""The commands of the control plane, against a partner that is as strict as the real one."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog
import yaml
from typer.testing import CliRunner

from pipeline.cli.main import app
from pipeline.sandbox.amazon_ads.directory import FIRST_ADVERTISER, sample_directory
from pipeline.sandbox.amazon_ads.faults import Fault, ScriptedFault
from pipeline.sandbox.amazon_ads.options import SimulatorOptions, strict
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.server_process import free_port
from tests.configuration.test_example_files import Example, destination

ACCOUNT = "ENTITY1000000000000"
ACCOUNTS, INSTANCES, ADVERTISERS = 120, 230, 250
DIRECTORY = sample_directory(accounts=ACCOUNTS, instances=INSTANCES, advertisers=ADVERTISERS)


@pytest.fixture(autouse=True)
def _logging_is_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def found(self) -> Any:
        """What it printed as JSON."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line that says what is wrong."""
        assert self.code != 0
        [line] = [line for line in self.err.splitlines() if "error: " in line]
        assert self.err.count("\n") == 1, self.err
        return line


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody at a command line, with one configuration."""

    config: Path
    simulator: AmazonAdsSimulator

    async def types(self, line: str, *more: str, answers: str = "") -> Ran:
        words = [*line.split(), *more, "--config", str(self.config)]
        return await asyncio.to_thread(run, words, answers)

    async def connection(self) -> str:
        made = await self.types(f"connections create --dsp-advertiser {FIRST_ADVERTISER} --json")
        return str(made.found["connection_id"])

    async def connections(self) -> list[str]:
        listed = await self.types("connections list --json")
        return [one["connection_id"] for one in listed.found]

    async def audience(self, *more: str) -> int:
        words = ("--name", "vip customers", "--external-id", "vip", "--json")
        made = await self.types("audiences create", *words, *more)
        found = made.found["audience_id"]
        assert isinstance(found, int)
        return found


def run(words: list[str], answers: str = "") -> Ran:
    result = CliRunner().invoke(app, words, input=answers)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    options = strict(SimulatorOptions(directory=DIRECTORY, client_id="client"))
    async with AmazonAdsSimulator(random=Random(1), options=options) as simulator:
        document = {"destinations": {"amazon-na": there(simulator.url)}}
        yield Operator(written(tmp_path, document), simulator)


def there(url: str, **keys: object) -> dict[str, object]:
    return destination(api_url=url, token_url=f"{url}/auth/o2/token", **keys)


def written(folder: Path, document: dict[str, Any]) -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


async def test_every_page_of_every_list_is_read(operator: Operator) -> None:
    """
    Accounts and instances page by token, advertisers by place; the simulator gives 100 at most.
    """
    accounts = await operator.types("accounts list --json")
    instances = await operator.types(f"instances list --json --account {ACCOUNT}")
    advertisers = await operator.types("advertisers list --json")

    assert [one.account_id for one in DIRECTORY.accounts] == [
        one["account_id"] for one in accounts.found
    ]
    assert [one.instance_id for one in DIRECTORY.instances] == [
        one["instance_id"] for one in instances.found
    ]
    assert [one.advertiser_id for one in DIRECTORY.advertisers] == [
        one["advertiser_id"] for one in advertisers.found
    ]


async def test_profiles_are_listed_with_all_their_digits(operator: Operator) -> None:
    listed = await operator.types("profiles list --json")

    assert [one.profile_id for one in DIRECTORY.profiles] == [
        one["profile_id"] for one in listed.found
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("accounts list", [ACCOUNT, "Sample Account 1"]),
        (f"instances list --account {ACCOUNT}", ["amcsample230", ACCOUNT]),
        ("profiles list", ["3100000000000001", "agency"]),
        ("advertisers list --profile 3100000000000001", [str(FIRST_ADVERTISER + 249)]),
    ],
)
async def test_a_table_shows_the_ids_that_the_next_command_takes(
    operator: Operator, line: str, words: list[str]
) -> None:
    listed = await operator.types(line)

    assert listed.code == 0
    assert all(word in listed.out for word in words)


async def test_a_connection_is_made_shown_and_removed(operator: Operator) -> None:
    connection = await operator.connection()
    shown = await operator.types(f"connections show {connection} --json")
    removed = await operator.types(f"connections delete {connection}")
    left = await operator.types("connections list")

    assert shown.found["dsp_advertiser_id"] == str(FIRST_ADVERTISER)
    assert removed.code == 0
    assert "no connection yet" in left.out


@pytest.mark.parametrize(
    "line",
    ["connections delete", "connections delete one --all"],
)
async def test_a_deletion_says_what_it_is_about(operator: Operator, line: str) -> None:
    kept = await operator.connection()

    refused = await operator.types(line)

    assert (refused.code, [kept]) == (2, await operator.connections())
    assert "--all" in refused.error


@pytest.mark.parametrize("blank", ["", " ", "\t"])
async def test_a_deletion_of_a_blank_id_removes_nothing(operator: Operator, blank: str) -> None:
    """
    As a script would write it whose variable is empty: the partner would remove everything.
    """
    kept = await operator.connection()

    refused = await operator.types("connections delete", blank)

    assert (refused.code, [kept]) == (2, await operator.connections())
    assert "connections.delete" not in {one.endpoint for one in operator.simulator.requests()}


@pytest.mark.parametrize("typed", ["", "\n", "yes\n", "delete all connections\n"])
async def test_all_connections_are_kept_unless_the_sentence_is_typed(
    operator: Operator, typed: str
) -> None:
    kept = await operator.connection()

    refused = await operator.types("connections delete --all", answers=typed)

    assert (refused.code, [kept]) == (1, await operator.connections())
    assert "connections.delete" not in {one.endpoint for one in operator.simulator.requests()}


async def test_all_connections_are_removed_once_the_sentence_is_typed(operator: Operator) -> None:
    await operator.connection()
    await operator.connection()

    removed = await operator.types(
        "connections delete --all", answers="delete all connections of amazon-na\n"
    )

    assert (removed.code, await operator.connections()) == (0, [])


async def test_terms_are_accepted_after_they_were_shown(operator: Operator) -> None:
    accepted = await operator.types("terms accept", answers="accept\n")
    again = await operator.types("terms accept")
    shown = await operator.types("terms show --json")

    assert "Nothing is agreed to here." in accepted.out
    assert "already accepted" in again.out
    assert shown.found["has_accepted"] is True


@pytest.mark.parametrize("typed", ["", "no\n", "ACCEPT\n"])
async def test_terms_are_not_accepted_by_anything_else(operator: Operator, typed: str) -> None:
    refused = await operator.types("terms accept", answers=typed)
    shown = await operator.types("terms show --json")

    assert (refused.code, shown.found["has_accepted"]) == (1, False)


async def test_a_program_accepts_the_text_whose_token_it_names(operator: Operator) -> None:
    wrong = await operator.types("terms accept --agreement-token guessed")
    token = (await operator.types("terms show --json")).found["agreement_token"]
    right = await operator.types(f"terms accept --agreement-token {token}")

    assert "the terms have changed" in wrong.error
    assert right.code == 0


async def test_an_audience_is_made_shown_and_changed(operator: Operator) -> None:
    connection = await operator.connection()
    audience = await operator.audience(
        *("--connection", connection, "--ttl", "60", "--fee", "usd=150.5", "--country", "uk"),
        *("--description", "the best"),
    )
    changed = await operator.types(f"audiences update {audience} --ttl 0 --json")
    shown = await operator.types(f"audiences show {audience} --json")

    assert changed.found["ttl"] == 0
    assert audience == shown.found["audience_id"] > 2**53
    assert shown.found["description"] == "the best"
    assert shown.found["country_code"] == "GB"
    assert shown.found["fees"] == [{"currency": "USD", "cpm_cents": 150.5}]
    assert shown.found["size"] == {"received_records": 0, "id_resolutions": 0, "dsp": -1}


async def test_an_advertiser_of_64_bits_comes_back_exactly(operator: Operator) -> None:
    advertiser = 2**63 - 3
    audience = await operator.audience("--advertiser", str(advertiser))

    shown = await operator.types(f"audiences show {audience} --json")

    assert advertiser == shown.found["advertiser_id"]


async def test_the_lines_that_a_new_audience_prints_are_a_valid_configuration(
    operator: Operator,
) -> None:
    connection = await operator.connection()
    made = await operator.types(
        f"audiences create --external-id vip --connection {connection} --country US",
        *("--name", "vip customers"),
    )
    document = yaml.safe_load(operator.config.read_text())
    document |= yaml.safe_load(made.out.partition("\n\n")[2])
    written(operator.config.parent, {**document, "sources": [{"topic": "cdp"}]})

    checked = await operator.types("check")

    assert checked.code == 0, checked.err
    assert f"lane amazon-na.{connection}" in checked.out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--name", "short", "--connection", "c"), "10 to 128"),
        (("--name", "vip customers"), "exactly one"),
        (("--name", "vip customers", "--connection", "c", "--advertiser", "7"), "exactly one"),
        (("--name", "vip customers", "--connection", "c", "--ttl", "34300801"), "34300800"),
        (("--name", "vip customers", "--connection", "c", "--country", "Japan"), "--country"),
        (("--name", "vip customers", "--connection", "c", "--fee", "USD"), "--fee"),
        (("--name", "vip customers", "--connection", "c", "--fee", "CHF=1"), "currency"),
    ],
)
async def test_a_guard_speaks_before_anything_is_sent(
    operator: Operator, more: tuple[str, ...], said: str
) -> None:
    refused = await operator.types("audiences create --external-id vip", *more)

    assert refused.code == 2
    assert said in refused.error
    assert not operator.simulator.requests()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("connections show nobody", ["404 The connection does not exist", "connections list"]),
        ("connections delete nobody", ["404", "connections list"]),
        ("connections create --dsp-advertiser 1", ["400", "advertisers list"]),
        ("audiences show 7", ["404 The audience was not found", "region"]),
        ("audiences update 7 --ttl 1", ["404", "region"]),
        (f"instances list --account {ACCOUNT} --marketplace X", ["403", "accounts list"]),
        ("instances list --account nobody", ["--account", "nobody"]),
        ("advertisers list --profile 5", ["401", "profiles list"]),
        ("jobs show nobody", ["404", "jobs list"]),
    ],
)
async def test_a_refusal_is_one_line_with_the_partners_words_and_the_remedy(
    operator: Operator, line: str, words: list[str]
) -> None:
    refused = await operator.types(line)

    assert refused.code == 1
    assert all(word in refused.error for word in words)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, ["client_id", "approved"]),
        (403, ["Data Provider", "terms show"]),
        (429, ["too many requests", "in 99 seconds"]),
        (500, ["try again"]),
    ],
)
async def test_what_a_login_lacks_is_named(
    operator: Operator, status: int, words: list[str]
) -> None:
    fault = Fault(status=status, retry_after=99 if status == 429 else None)
    operator.simulator.script(ScriptedFault(endpoint="accounts.list", fault=fault, times=9))

    refused = await operator.types("accounts list")

    assert str(status) in refused.error
    assert all(word in refused.error for word in words)


async def test_a_list_waits_as_it_is_told_and_goes_on(operator: Operator) -> None:
    operator.simulator.script(
        ScriptedFault(endpoint="accounts.list", fault=Fault(status=429, retry_after=0), times=2)
    )

    listed = await operator.types("accounts list --json")

    assert len(listed.found) == ACCOUNTS


async def test_a_question_without_an_answer_names_the_host(operator: Operator) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    keys = {"token_url": operator.simulator.token_url}
    written(operator.config.parent, {"destinations": {"amazon-na": {**there(dead), **keys}}})

    refused = await operator.types("accounts list")

    assert dead in refused.error
    assert "api_url" in refused.error


async def test_a_wrong_secret_is_one_line_that_does_not_show_it(operator: Operator) -> None:
    document = yaml.safe_load(operator.config.read_text())
    document["destinations"]["amazon-na"]["client_id"] = "another"
    written(operator.config.parent, document)

    refused = await operator.types("accounts list")

    assert "check client_id, client_secret and refresh_token" in refused.error
    assert "hush" not in refused.err + refused.out


async def test_an_expired_token_is_replaced_on_the_way(operator: Operator) -> None:
    operator.simulator.script(
        ScriptedFault(endpoint="accounts.list", fault=Fault(status=401), times=1)
    )

    assert len((await operator.types("accounts list --json")).found) == ACCOUNTS


@pytest.mark.parametrize(
    ("more", "words"),
    [((), "which one? There are amazon-eu, amazon-na"), (("--destination", "amazon"), "amazon-na")],
)
async def test_one_of_several_destinations_must_be_named(
    operator: Operator, more: tuple[str, ...], words: str
) -> None:
    document = yaml.safe_load(operator.config.read_text())
    document["destinations"]["amazon-eu"] = there("http://127.0.0.1:9", region="EU")
    written(operator.config.parent, document)

    refused = await operator.types("accounts list", *more)
    named = await operator.types("accounts list --json --destination amazon-na")

    assert refused.code == 2
    assert words in refused.error
    assert len(named.found) == ACCOUNTS


async def test_a_name_from_the_partner_cannot_paint_the_terminal(operator: Operator) -> None:
    connection = await operator.connection()
    name = "vip \x1b[31m[bold]customers[/bold]"
    made = await operator.types(
        f"audiences create --external-id vip --connection {connection} --json", "--name", name
    )

    shown = await operator.types(f"audiences show {made.found['audience_id']}")

    assert "vip [31m[bold]customers[/bold]" in shown.out
    assert "\x1b" not in shown.out


def test_a_configuration_that_is_wrong_is_named(tmp_path: Path) -> None:
    path = Example().put("destinations.amazon-na.regio", "NA").write(tmp_path)

    refused = run(["accounts", "list", "--config", str(path)])

    assert refused.code == 2
    assert "did you mean 'region'" in refused.error


class TestNormalize:
    HASH = "8e43ca37701228e74983efdbd0cff5c16b3b1e5d4e29a7c05626d4d25a018e11"

    def test_every_step_is_shown_with_the_hash(self) -> None:
        shown = run(["normalize", "email", " Ana@Example.com"])

        assert shown.code == 0
        assert "ana@example.com" in shown.out
        assert self.HASH in shown.out

    def test_a_value_need_not_stand_in_the_command(self) -> None:
        shown = run(["normalize", "email", "--json"], "Ana@Example.com\n")

        assert shown.found["sha256"] == self.HASH
        assert shown.found["steps"][0] == {"step": "trim", "value": "Ana@Example.com"}

    def test_a_field_that_is_left_out_says_why(self) -> None:
        shown = run(["normalize", "email", "nobody", "--country", "DE"])

        assert shown.code == 0
        assert "left out: empty after" in shown.out

    @pytest.mark.parametrize("words", [["fax", "1"], ["city", "Bonn", "--country", "Nowhere"]])
    def test_what_does_not_exist_is_named_without_the_value(self, words: list[str]) -> None:
        refused = run(["normalize", *words])

        assert refused.code == 2
        assert "of this name" in refused.error
        assert "Bonn" not in refused.err
