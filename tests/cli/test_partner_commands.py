"""A partner's typed functions become commands: an option of each parameter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli.partner_group import add_partner_commands
from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.destinations.control import Command, Group, InvalidRequest, Parameter
from pipeline.operations.partner_commands import chosen_command
from pipeline.operations.trouble import UsageRefused
from tests.configuration.test_example_files import destination

THINGS = Group("things", "Things of the partner.")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command was told."""

    name: str
    count: int | None
    tags: tuple[str, ...]
    is_new: bool


async def tell(
    *,
    name: Annotated[str, Parameter(is_argument=True)],
    how_many: Annotated[int | None, Parameter(least=1, most=9, help="So many.")] = None,
    tags: Annotated[Sequence[str], Parameter(flag="--tag")] = (),
    new: bool = False,
) -> Said:
    """Say what was said."""
    if name == "nobody":
        raise InvalidRequest("nobody is no name")
    return Said(name, how_many, tuple(tags), new)


def typed(*words: str) -> Any:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("other")(lambda: None)
    offline = Command(group=THINGS, name="tell", run=tell, is_offline=True)
    add_partner_commands(app, {}, {("things", "tell"): {"toy": offline}})
    return CliRunner().invoke(app, ["things", "tell", *words])


def test_every_parameter_is_an_option_and_the_result_is_json() -> None:
    result = typed("ana", "--how-many", "3", "--tag", "a", "--tag", "b", "--new", "--json")

    assert result.exit_code == 0
    assert '"name": "ana"' in result.stdout
    assert '"count": 3' in result.stdout
    assert '"is_new": true' in result.stdout


def test_people_are_shown_every_field_unless_the_partner_says_otherwise() -> None:
    result = typed("ana", "--tag", "a")

    assert "ana" in result.stdout
    assert "is_new" in result.stdout


@pytest.mark.parametrize(
    "words", [("ana", "--how-many", "10"), ("ana", "--how-many", "many"), (), ("nobody",)]
)
def test_what_the_types_or_a_guard_refuse_is_wrong_usage(words: tuple[str, ...]) -> None:
    assert typed(*words).exit_code == 2


def test_the_help_is_the_docstring_and_the_markers() -> None:
    said = typed("--help").stdout

    assert "Say what was said." in said
    assert "So many." in said


def command(run: Callable[..., Any]) -> Command:
    return Command(group=THINGS, name="make", run=run)


async def needs_weight(api: object, *, weight: int) -> Said:
    raise NotImplementedError


async def needs_colour(api: object, *, colour: str, weight: int | None = None) -> Said:
    raise NotImplementedError


def configured() -> Settings:
    return settings_from({"destinations": {"amazon-na": destination()}}, folder=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("run", "given", "said"),
    [
        (needs_weight, {"weight": None, "colour": None}, "needs --weight"),
        (needs_weight, {"weight": 1, "colour": "red"}, "takes no --colour; it takes --weight"),
        (needs_colour, {"weight": 1, "colour": None}, "needs --colour"),
    ],
)
def test_of_two_partners_each_takes_its_own_parameters(
    run: Callable[..., Any], given: Mapping[str, object], said: str
) -> None:
    by_kind = {"amazon_ads": command(run), "other": command(needs_colour)}

    with pytest.raises(UsageRefused, match=said):
        chosen_command(configured(), None, by_kind, given)


def test_a_partner_without_the_command_is_named() -> None:
    with pytest.raises(UsageRefused, match="has no such command"):
        chosen_command(configured(), None, {"other": command(needs_colour)}, {})
