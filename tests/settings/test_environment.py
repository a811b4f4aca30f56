"""Every key can be set by a variable, and a variable that sets nothing is an error."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.configuration.load import load
from pipeline.configuration.model import Settings
from pipeline.configuration.partners import models_of
from pipeline.destinations.registry import PARTNERS
from pipeline.settings.environment import overlaid
from pipeline.settings.problems import SettingsError
from pipeline.settings.shape import Shape
from tests.configuration.amazon import amazon, targets
from tests.configuration.test_example_files import Example


def shape(document: Mapping[str, object]) -> Shape:
    return Shape(Settings, models_of(document, PARTNERS).chosen(document))


def loaded(folder: Path, example: Example | None = None, **variables: str) -> Settings:
    environ = {f"AUDIENCE_PIPELINE__{name}": value for name, value in variables.items()}
    return load((example or Example()).write(folder), environ)


def refusal(folder: Path, example: Example | None = None, **variables: str) -> str:
    with pytest.raises(SettingsError) as refused:
        loaded(folder, example, **variables)
    return str(refused.value).replace(f"{folder}/", "").replace("AUDIENCE_PIPELINE__", "…")


def test_a_variable_replaces_a_key_of_the_file(tmp_path: Path) -> None:
    example = Example().put("kafka.namespace", "file")

    settings = loaded(tmp_path, example, KAFKA__NAMESPACE="environment")

    assert settings.kafka.namespace == "environment"


def test_a_variable_sets_a_key_that_the_file_leaves_out(tmp_path: Path) -> None:
    settings = loaded(tmp_path, KAFKA__SSL__CHECK_HOSTNAME="false", ADMIN__PORT="0")

    assert settings.kafka.ssl.check_hostname is False
    assert settings.admin.port == 0


def test_letter_case_does_not_matter(tmp_path: Path) -> None:
    environ = {"audience_pipeline__Kafka__namespace": "environment"}

    settings = load(Example().write(tmp_path), environ)

    assert settings.kafka.namespace == "environment"


def test_a_destination_goes_by_its_name_with_dashes_as_underscores(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        DESTINATIONS__AMAZON_NA__CLIENT_SECRET="environment",
        DESTINATIONS__AMAZON_NA__BATCH__LINGER_SECONDS="0.5",
    )

    found = amazon(settings)
    assert found.credentials().client_secret.read() == "environment"
    assert found.batch.linger_seconds == 0.5


def test_a_list_goes_by_place_and_one_past_its_end_appends(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        SOURCES__0__TOPIC="first",
        SOURCES__1__TOPIC="second",
        AUDIENCES__0__DESTINATIONS__0__AUDIENCE_ID="413642381039213537",
    )

    assert [source.topic for source in settings.sources] == ["first", "second"]
    assert targets(settings)[0].audience_id == 413642381039213537


def test_a_whole_section_may_be_written_as_yaml(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SOURCES="[{topic: a}, {topic: b, start: latest}]")

    assert [source.start for source in settings.sources] == ["earliest", "latest"]


def test_the_variable_of_a_key_wins_over_the_one_of_its_section(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SOURCES="[{topic: a}]", SOURCES__0__TOPIC="b")

    assert [source.topic for source in settings.sources] == ["b"]


@pytest.mark.parametrize("text", ["0123", "true", "12345", "~", "null", "*x", "a: b"])
def test_a_secret_is_taken_letter_by_letter(tmp_path: Path, text: str) -> None:
    settings = loaded(tmp_path, DESTINATIONS__AMAZON_NA__CLIENT_SECRET=text)

    credentials = amazon(settings).credentials()
    assert credentials.client_secret.read() == text


def test_text_that_looks_like_a_number_stays_text(tmp_path: Path) -> None:
    settings = loaded(tmp_path, KAFKA__INSTANCE_ID="0", KAFKA__CLIENT_ID="007")

    assert (settings.kafka.instance_id, settings.kafka.client_id) == ("0", "007")


@pytest.mark.parametrize("text", ["", "null", "~"])
def test_an_empty_variable_takes_an_optional_key_back(tmp_path: Path, text: str) -> None:
    example = Example().put("kafka.instance_id", "from-file")

    settings = loaded(tmp_path, example, KAFKA__INSTANCE_ID=text)

    assert settings.kafka.instance_id is None


def test_a_secret_by_variable_stands_in_for_the_file_that_the_configuration_names(
    tmp_path: Path,
) -> None:
    example = Example().drop("destinations.amazon-na.client_secret")
    example.put("destinations.amazon-na.client_secret_file", "not/mounted/here")

    settings = loaded(tmp_path, example, DESTINATIONS__AMAZON_NA__CLIENT_SECRET="environment")

    credentials = amazon(settings).credentials()
    assert credentials.client_secret.read() == "environment"


def test_a_secret_given_both_ways_by_variables_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush-file")

    said = refusal(
        tmp_path,
        DESTINATIONS__AMAZON_NA__CLIENT_SECRET="hush-variable",
        DESTINATIONS__AMAZON_NA__CLIENT_SECRET_FILE="secret",
    )

    assert "client_secret: is given twice; keep one of client_secret and" in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("KAFKA__NAMESPCE", "unknown variable; did you mean '…KAFKA__NAMESPACE'?"),
        ("KAFAK__NAMESPACE", "unknown variable; did you mean '…KAFKA'?"),
        ("ADMIN__PORT__X", "unknown variable: its key holds a single value; did you mean '…AD"),
        (
            "DESTINATIONS__AMAZON_EU__REGION",
            "the file has no entry of this name; did you mean '…DESTINATIONS__AMAZON_NA'?",
        ),
        ("SOURCES__2__TOPIC", "a list takes a place from 0 to 1; known here: …SOURCES__0, …"),
        ("SOURCES__X__TOPIC", "a list takes a place from 0 to 1; known here: "),
        ("ADMIN__ZZZZ", "unknown variable; known here: …ADMIN__HOST, …ADMIN__PORT"),
        ("ADMIN__", "unknown variable; known here: …ADMIN__HOST, …ADMIN__PORT"),
    ],
)
def test_a_variable_that_fits_nothing_is_refused_with_the_nearest_name(
    tmp_path: Path, name: str, said: str
) -> None:
    lines = refusal(tmp_path, None, **{name: "hush"}).splitlines()

    assert len(lines) == 1
    assert lines[0].startswith(f"…{name}: {said}")
    assert "hush" not in lines[0]


def test_a_wrong_value_is_reported_under_the_name_of_its_variable(tmp_path: Path) -> None:
    example = Example().put("admin.host", "")

    said = refusal(tmp_path, example, ADMIN__PORT="abc")

    assert said.splitlines() == [
        "pipeline.yaml: admin.host: must not be empty: ''",
        "…ADMIN__PORT: admin.port: must be a whole number, without quotes: 'abc'",
    ]


def test_two_spellings_of_one_variable_are_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, None, ADMIN__PORT="1", admin__port="2")

    assert said == "…admin__port: admin.port: is also set by …ADMIN__PORT; keep one"


def test_a_value_that_is_not_yaml_is_not_quoted(tmp_path: Path) -> None:
    said = refusal(tmp_path, None, SOURCES="[{topic: *hush")

    assert said.startswith("…SOURCES: is not YAML, line 1")
    assert "hush" not in said


def test_variables_of_others_are_left_alone(tmp_path: Path) -> None:
    """
    Kubernetes sets AUDIENCE_PIPELINE_SERVICE_HOST for a service of our name.
    """
    environ = {"AUDIENCE_PIPELINE_SERVICE_HOST": "10.0.0.1", "PATH": "/bin"}

    assert load(Example().write(tmp_path), environ) == loaded(tmp_path)


@pytest.mark.parametrize("broken", [3, "x", None, [1], {"0": 1}])
def test_a_variable_below_a_section_that_is_none_is_left_to_validation(
    tmp_path: Path, broken: object
) -> None:
    example = Example().put("sources", broken)

    said = refusal(tmp_path, example, SOURCES__0__FORMAT="native", ADMIN__PORT="-1")

    assert "admin.port: must be at least 0: -1" in said


@given(st.text(alphabet="ABKAF_S0", max_size=30), st.text(max_size=10))
def test_no_name_and_no_value_can_crash_the_overlay(name: str, text: str) -> None:
    document = Example().document

    result = overlaid(document, {f"AUDIENCE_PIPELINE__{name}": text}, shape)

    assert result.problems or result.origins


def test_the_document_itself_is_not_changed() -> None:
    example = Example()

    overlaid(example.document, {"AUDIENCE_PIPELINE__SOURCES__0__TOPIC": "other"}, shape)

    assert example.document == Example().document


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA__BOOTSTRAP_SERVERS"),
        ("KAFKA__NAMESPACE", "KAFKA__NAMESPACE"),
        ("kafka_sasl_password_file", "KAFKA__SASL__PASSWORD_FILE"),
        ("DESTINATIONS_AMAZON_NA_CLIENT_SECRET", "DESTINATIONS__AMAZON_NA__CLIENT_SECRET"),
        ("DESTINATIONS_AMAZON_NA_BATCH_MAX_RECORDS", "DESTINATIONS__AMAZON_NA__BATCH__MAX_RECORDS"),
        ("SOURCES_0_TOPIC", "SOURCES__0__TOPIC"),
        (
            "AUDIENCES_0_DESTINATIONS_0_CONNECTION_ID",
            "AUDIENCES__0__DESTINATIONS__0__CONNECTION_ID",
        ),
        ("ADMIN_PORT", "ADMIN__PORT"),
    ],
)
def test_a_variable_with_an_underscore_too_few_is_refused_with_the_right_name(
    tmp_path: Path, wrong: str, right: str
) -> None:
    """
    It would set nothing, and nobody would be told: a broker that is not the one that was meant.
    """
    path = Example().write(tmp_path)

    with pytest.raises(SettingsError) as refused:
        load(path, {f"AUDIENCE_PIPELINE_{wrong}": "hush"})

    assert str(refused.value) == (
        f"AUDIENCE_PIPELINE_{wrong}: sets nothing: each part of the name needs two underscores "
        f"before it; did you mean 'AUDIENCE_PIPELINE__{right}'?"
    )


def test_a_variable_with_one_underscore_between_its_parts_is_refused_with_the_right_name(
    tmp_path: Path,
) -> None:
    said = refusal(tmp_path, None, KAFKA_SASL_PASSWORD="hush")

    assert said == "…KAFKA_SASL_PASSWORD: unknown variable; did you mean '…KAFKA__SASL__PASSWORD'?"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUDIENCE_PIPELINE_CONFIG", "pipeline.yaml"),
        ("AUDIENCE_PIPELINE_ADMIN_PORT", "tcp://10.0.0.1:9464"),
        ("AUDIENCE_PIPELINE_ADMIN_PORT_9464_TCP", "tcp://10.0.0.1:9464"),
        ("AUDIENCE_PIPELINE_KAFKA_SERVICE_PORT", "9092"),
        ("AUDIENCE_PIPELINE_", "x"),
        ("AUDIENCE_PIPELINE", "x"),
    ],
)
def test_what_a_platform_sets_for_services_with_our_name_is_left_alone(
    tmp_path: Path, name: str, value: str
) -> None:
    assert load(Example().write(tmp_path), {name: value}) == loaded(tmp_path)


@given(st.text(alphabet="ABKAFDMINPORT_S0", max_size=30), st.text(max_size=10))
def test_no_name_beside_ours_can_crash_the_overlay(name: str, text: str) -> None:
    document = Example().document

    assert not overlaid(document, {f"AUDIENCE_PIPELINE_x{name}": text}, shape).origins
