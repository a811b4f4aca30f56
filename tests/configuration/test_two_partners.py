"""A configuration of two partners: each destination and each target is read by its own model."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from pipeline.configuration.advice import advice
from pipeline.configuration.load import load
from pipeline.configuration.model import Settings
from pipeline.configuration.offline import load_offline
from pipeline.configuration.routing import lanes
from pipeline.configuration.schema import schema
from pipeline.destinations.amazon_ads.targets import AmazonTarget
from pipeline.settings.problems import SettingsError
from tests.configuration.amazon import amazon
from tests.configuration.test_example_files import CONNECTION, Example, target
from tests.configuration.toy_partner import TOY, TWO_PARTNERS, KeylessTarget, ToySettings, ToyTarget

TARGET = "audiences[0].destinations[1]"


def both() -> Example:
    """One upstream audience that goes to both."""
    mail = {"destination": "mail-us", "list_id": "l-1", "feed": "spring"}
    toy = {"kind": "toy", "workspace": "acme", "api_key": "hush-key"}
    return (
        Example().put("destinations.mail-us", toy).put("audiences.0.destinations", [target(), mail])
    )


def loaded(folder: Path, example: Example | None = None, **variables: str) -> Settings:
    environ = {f"AUDIENCE_PIPELINE__{name}": value for name, value in variables.items()}
    return load((example or both()).write(folder), environ, TWO_PARTNERS)


def refusal(folder: Path, example: Example | None = None, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        loaded(folder, example, **variables)
    assert "hush" not in str(refused.value)
    said = str(refused.value).replace(f"{folder}/", "").replace("AUDIENCE_PIPELINE__", "…")
    return said.splitlines()


def toy(settings: Settings) -> ToySettings:
    found = settings.destinations["mail-us"]
    assert isinstance(found, ToySettings)
    return found


def test_each_target_is_read_by_the_model_of_the_partner_that_its_destination_names(
    tmp_path: Path,
) -> None:
    settings = loaded(tmp_path)

    first, second = settings.audiences[0].destinations
    assert isinstance(first, AmazonTarget)
    assert isinstance(second, ToyTarget)
    assert (second.audience(), second.channel) == ("l-1", "mail")
    assert [lane.name for lane in lanes(settings)] == [f"amazon-na.{CONNECTION}", "mail-us.spring"]
    assert toy(settings).limits.requests_per_hour == 100


def test_a_variable_sets_a_key_of_the_second_kind(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        DESTINATIONS__MAIL_US__LIMITS__REQUESTS_PER_HOUR="7",
        DESTINATIONS__MAIL_US__API_KEY="0123",
        AUDIENCES__0__DESTINATIONS__1__CHANNEL="push",
        AUDIENCES__0__DESTINATIONS__1__LIST_ID="0815",
        DESTINATIONS__AMAZON_NA__BATCH__MAX_RECORDS="5000",
    )

    found = toy(settings)
    assert found.limits.requests_per_hour == 7
    assert found.api_key is not None
    assert found.api_key.get_secret_value() == "0123"
    [_, second] = settings.audiences[0].destinations
    assert isinstance(second, ToyTarget)
    assert (second.channel, second.list_id) == ("push", "0815")
    assert amazon(settings).batch.max_records == 5_000


def test_a_destination_and_a_target_can_come_from_variables_alone(tmp_path: Path) -> None:
    """
    Whatever their order: what says which keys there are is laid over before them.
    """
    example = both().drop("destinations.mail-us.kind").drop("destinations.mail-us.workspace")

    settings = loaded(
        tmp_path,
        example,
        DESTINATIONS__MAIL_US__WORKSPACE="other",
        DESTINATIONS__MAIL_US__KIND="toy",
        AUDIENCES__0__DESTINATIONS__2__FEED="autumn",
        AUDIENCES__0__DESTINATIONS__2__LIST_ID="l-2",
        AUDIENCES__0__DESTINATIONS__2__DESTINATION="mail-us",
    )

    assert toy(settings).workspace == "other"
    assert [lane.connection for lane in lanes(settings)] == [CONNECTION, "spring", "autumn"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("destinations.mail-us.region", "NA", "destinations.mail-us.region: unknown key; known"),
        ("destinations.mail-us.workspce", "x", "workspce: unknown key; did you mean 'workspace'?"),
        ("destinations.mail-us.limits.requests_per_hour", 0, "must be at least 1: 0"),
        ("destinations.mail-us.kind", "toi", "or 'toy': 'toi'; did you mean 'toy'?"),
        ("destinations.mail-us.api_key", 5, "destinations.mail-us.api_key: must be text: a number"),
        ("destinations.amazon-na.api_key", "hush", "amazon-na.api_key: unknown key; known here: k"),
        (
            "audiences.0.destinations.1.chanel",
            "x",
            f"{TARGET}.chanel: unknown key; did you mean 'c",
        ),
        (
            "audiences.0.destinations.1.channel",
            "fax",
            f"{TARGET}.channel: must be 'mail' or 'push'",
        ),
        ("audiences.0.destinations.1.connection_id", "x", f"{TARGET}.connection_id: unknown key"),
        ("audiences.0.destinations.0.list_id", "x", "destinations[0].list_id: unknown key; "),
        ("audiences.0.destinations.1.destination", "mail", f"{TARGET}.destination: no destination"),
    ],
)
def test_what_is_wrong_is_said_of_the_right_key_with_the_names_of_its_own_partner(
    tmp_path: Path, path: str, value: object, said: str
) -> None:
    [line] = refusal(tmp_path, both().put(path, value))

    assert said in line


def test_a_key_that_is_missing_is_one_of_its_own_partner(tmp_path: Path) -> None:
    example = both().drop("audiences.0.destinations.1.feed").drop("destinations.mail-us.api_key")

    assert refusal(tmp_path, example) == [
        (
            "pipeline.yaml: destinations.mail-us.api_key: is required and missing; "
            "set api_key_file to a mounted file, or api_key in the environment"
        ),
        (
            f"pipeline.yaml: {TARGET}.feed: is required and missing; add 'feed: …'; "
            "config/reference.yaml shows every key"
        ),
    ]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "DESTINATIONS__MAIL_US__WORKSPCE",
            "hush",
            (
                "…DESTINATIONS__MAIL_US__WORKSPCE: unknown variable; did you mean "
                "'…DESTINATIONS__MAIL_US__WORKSPACE'?"
            ),
        ),
        (
            "DESTINATIONS__MAIL_US__LIMITS__REQUESTS_PER_HOUR",
            "0",
            (
                "…DESTINATIONS__MAIL_US__LIMITS__REQUESTS_PER_HOUR: "
                "destinations.mail-us.limits.requests_per_hour: must be at least 1: 0"
            ),
        ),
        (
            "AUDIENCES__0__DESTINATIONS__1__CHANNEL",
            "fax",
            (
                f"…AUDIENCES__0__DESTINATIONS__1__CHANNEL: {TARGET}.channel: "
                "must be 'mail' or 'push': 'fax'; choose one of these"
            ),
        ),
        (
            "AUDIENCES__0__DESTINATIONS__1__CONNECTION_ID",
            "hush",
            "…AUDIENCES__0__DESTINATIONS__1__CONNECTION_ID: unknown variable; known here: ",
        ),
    ],
)
def test_a_variable_that_is_wrong_is_named_with_the_key_of_its_partner(
    tmp_path: Path, variable: str, value: str, said: str
) -> None:
    [line] = refusal(tmp_path, None, **{variable: value})

    assert line.startswith(said)


def test_a_variable_that_lacks_underscores_is_known_for_the_second_kind_too(tmp_path: Path) -> None:
    path = both().write(tmp_path)

    with pytest.raises(SettingsError, match="AUDIENCE_PIPELINE__DESTINATIONS__MAIL_US__API_KEY'"):
        load(path, {"AUDIENCE_PIPELINE_DESTINATIONS_MAIL_US_API_KEY": "hush"}, TWO_PARTNERS)


def test_each_partner_sees_its_own_targets_and_what_it_says_is_placed_at_its_destination(
    tmp_path: Path,
) -> None:
    push = both().put("audiences.0.destinations.1.channel", "push")
    second = {"destination": "mail-us", "list_id": "l-2", "feed": "autumn"}
    many = both().put("audiences.0.destinations.2", second)

    advised = advice(loaded(tmp_path, push), TWO_PARTNERS)
    [refused] = refusal(tmp_path, many, DESTINATIONS__MAIL_US__LIMITS__REQUESTS_PER_HOUR="1")

    assert advised == ["destinations.mail-us.channel: push is for tests only"]
    assert "limits.requests_per_hour: must allow one request for each list: 1; set it" in refused


def test_what_two_partners_call_the_same_is_not_the_same(tmp_path: Path) -> None:
    """
    Neither the id of an audience nor what a lane is counted for.
    """
    example = both().put("audiences.0.destinations.1.list_id", "1")
    example.put("audiences.0.destinations.1.feed", CONNECTION)

    assert len(lanes(loaded(tmp_path, example))) == 2


def test_a_target_may_have_no_key_that_says_its_lane(tmp_path: Path) -> None:
    """
    Then what is wrong with its lane is said of the whole target.
    """
    partners = {**TWO_PARTNERS, "toy": replace(TOY, target=KeylessTarget)}
    shared = both().put("destinations.mail-eu", {"kind": "toy", "workspace": "b", "api_key": "k"})
    shared.put(
        "audiences.0.destinations.2", {"destination": "mail-eu", "list_id": "l-2", "feed": "spring"}
    )

    alone = load(both().write(tmp_path), {}, partners)
    with pytest.raises(SettingsError) as refused:
        load(shared.write(tmp_path), {}, partners)

    assert len(lanes(alone)) == 2
    assert "destinations[2]: is also used by the destination 'mail-us'" in str(refused.value)


def test_the_schema_takes_the_keys_of_both_partners_and_refuses_those_of_neither() -> None:
    validator = Draft202012Validator(schema(TWO_PARTNERS))
    Draft202012Validator.check_schema(schema(TWO_PARTNERS))

    assert [error.message for error in validator.iter_errors(both().document)] == []
    for path, value in (
        ("destinations.mail-us.region", "NA"),
        ("destinations.mail-us.limits.requests_per_hour", 0),
        ("destinations.mail-us.kind", "toi"),
        ("audiences.0.destinations.1.channel", "fax"),
        ("audiences.0.destinations.1.chanel", "mail"),
    ):
        assert not validator.is_valid(both().put(path, value).document), path
    assert "Requests of one feed in an hour." in str(schema(TWO_PARTNERS))


def test_what_needs_no_secrets_reads_both_partners_without_theirs(tmp_path: Path) -> None:
    example = both().drop("destinations.mail-us.api_key").drop("audiences.0.destinations.1.list_id")
    example.put("destinations.mail-us.api_key_file", "/run/secrets/none")
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump(example.document), encoding="utf-8")

    settings = load_offline(path, {}, TWO_PARTNERS)

    assert [one.audience() for one in settings.audiences[0].destinations] == ["1", "2"]
