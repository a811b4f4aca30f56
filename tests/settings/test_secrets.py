"""Secrets: exactly one way each, read again at each use, shown nowhere."""

import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.configuration.load import load, settings_from
from pipeline.settings.problems import SecretUnreadableError, SettingsError
from pipeline.settings.secrets import FileSecret
from tests.configuration.amazon import amazon
from tests.configuration.test_example_files import Example

AMAZON = "destinations.amazon-na"


def with_file(example: Example, path: str) -> Example:
    return example.drop(f"{AMAZON}.client_secret").put(f"{AMAZON}.client_secret_file", path)


AROUND = ["", "\n", "\r\n", " ", "\t\n", "\ufeff", "\ufeff \u200b\r\n \ufeff", "\u00a0"]
"""What editors, copying and `echo` leave beside a secret."""


@pytest.mark.parametrize("around", AROUND)
def test_a_file_is_found_beside_the_configuration_and_only_its_secret_counts(
    tmp_path: Path, around: str
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "client").write_text(f"{around}s3cret{around}", encoding="utf-8")
    path = with_file(Example(), "secrets/client").write(tmp_path)

    settings = load(path, {})

    assert amazon(settings).credentials().client_secret.read() == "s3cret"


@pytest.mark.parametrize("around", AROUND)
def test_a_secret_of_the_environment_counts_without_what_is_around_it(around: str) -> None:
    example = Example().put(f"{AMAZON}.client_secret", f"{around}s3cret{around}")
    example.put(f"{AMAZON}.client_id", f"{around}amzn1.client{around}")

    credentials = amazon(settings_from(example.document, Path())).credentials()

    assert credentials.client_secret.read() == "s3cret"
    assert credentials.client_id == "amzn1.client"


BROKEN = ["hu\nsh", "hu\r\nsh", "hu\x00sh", "hu\x1bsh", "hu\ufeffsh"]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("name", ["client_secret", "refresh_token"])
def test_a_line_break_inside_a_secret_is_said_and_not_shown(name: str, broken: str) -> None:
    refusal = Example().put(f"{AMAZON}.{name}", broken).refusal()

    assert refusal == (
        f"settings: {AMAZON}.{name}: holds a line break or an invisible character; "
        "copy it again, the secret and nothing else"
    )


@pytest.mark.parametrize("broken", [*BROKEN, "hu sh", "hu\u00e9sh", " "])
def test_a_client_id_that_no_header_can_carry_is_refused(broken: str) -> None:
    """It stands in a header of every request."""
    refusal = Example().put(f"{AMAZON}.client_id", broken).refusal()

    assert f"{AMAZON}.client_id: must be of visible ASCII characters without blanks" in refusal


def test_a_rotated_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "client"
    file.write_text("before")
    secret = FileSecret(file)
    first = secret.read()

    file.write_text("after")

    assert (first, secret.read()) == ("before", "after")


def test_a_file_that_goes_away_while_we_run_is_named(tmp_path: Path) -> None:
    file = tmp_path / "client"

    with pytest.raises(SecretUnreadableError) as refused:
        FileSecret(file).read()

    assert str(refused.value) == (
        f"{file}: no such file or directory; "
        "mount a readable file that holds the secret and nothing else"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (b"hush\xff", "is not UTF-8 text"),
        (b"\xff\xfeh\x00u\x00s\x00h\x00", "is not UTF-8 text"),
        (b"hush\nhush", "holds a line break or an invisible character"),
    ],
)
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "client").write_bytes(content)
    path = with_file(Example(), "secrets/client").write(tmp_path)

    with pytest.raises(SettingsError) as refused:
        load(path, {})

    assert f"client_secret_file: {said}: 'secrets/client'; looked for in" in str(refused.value)
    assert "hush" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("name", ["client_secret", "refresh_token"])
def test_a_destination_needs_both_secrets(name: str) -> None:
    refusal = Example().drop(f"{AMAZON}.{name}").refusal()

    assert refusal == (
        f"settings: {AMAZON}.{name}: is required and missing; "
        f"set {name}_file to a mounted file, or {name} in the environment"
    )


@pytest.mark.parametrize("name", ["client_secret", "refresh_token"])
def test_a_secret_given_twice_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text("hush-file")

    refusal = Example().put(f"{AMAZON}.{name}_file", str(file)).refusal()

    assert (
        refusal == f"settings: {AMAZON}.{name}: is given twice; keep one of {name} and {name}_file"
    )


@pytest.mark.parametrize("path", ["hush", "amzn1.oa2-cs.v1.hu/sh", "Atzr|hu/sh"])
def test_a_secret_in_the_place_of_its_file_is_not_shown(path: str) -> None:
    refusal = with_file(Example(), path).refusal()

    assert "client_secret_file: " in refusal
    assert "hush" not in refusal
    assert "hu/sh" not in refusal


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{AMAZON}.client_secret", 4711),
        (f"{AMAZON}.client_secret", ["4711"]),
        (f"{AMAZON}.client_secret", {"value": "4711"}),
        (f"{AMAZON}.client_secert", "4711"),
        (f"{AMAZON}.credentials", {"client_secret": "4711"}),
        (f"{AMAZON}.poll", "4711"),
        (AMAZON, "4711"),
        ("destinations", ["4711"]),
        ("kafka.sasl", "4711"),
        ("kafka.sasl.password", 4711),
        ("kafka.ssl.key_password", 4711),
        ("kafka.sasl.mechanism", ["4711"]),
        (f"{AMAZON}.api_url", "http://me:4711@host"),
        (f"{AMAZON}.api_url", "me:4711@host"),
        ("kafka.bootstrap_servers", "me:4711@host"),
    ],
)
def test_no_error_shows_a_secret_wherever_it_was_written(path: str, value: object) -> None:
    with pytest.raises(SettingsError) as refused:
        settings_from(Example().put(path, value).document, Path())

    assert "4711" not in "".join(traceback.format_exception(refused.value))


SECRETS = st.text(alphabet="abcXYZ019|/=.", min_size=12).map(lambda text: f"hush{text}")


@given(SECRETS, SECRETS)
def test_settings_never_show_their_secrets(client_secret: str, refresh_token: str) -> None:
    example = Example().put(f"{AMAZON}.client_secret", client_secret)
    example.put(f"{AMAZON}.refresh_token", refresh_token)

    settings = settings_from(example.document, Path())

    credentials = amazon(settings).credentials()
    shown = f"{settings} {settings!r} {credentials!r} {credentials} {settings.model_dump_json()}"
    assert credentials.client_secret.read() == client_secret
    assert credentials.refresh_token.read() == refresh_token
    assert "hush" not in shown


SASL = {"mechanism": "SCRAM-SHA-512", "username": "me", "password": "hush"}


@pytest.mark.parametrize(
    ("kafka", "said"),
    [
        ({"security_protocol": "SASL_SSL"}, "kafka.sasl.mechanism: SASL_SSL needs it; set it to"),
        ({"sasl": SASL}, "security_protocol: does not use kafka.sasl: 'PLAINTEXT'; set it"),
        (
            {"security_protocol": "SASL_SSL", "sasl": {"mechanism": "PLAIN", "password": "hush"}},
            "kafka.sasl.username: PLAIN needs it; set it",
        ),
        (
            {"security_protocol": "SASL_SSL", "sasl": {"mechanism": "PLAIN", "username": "me"}},
            "kafka.sasl.password: is required and missing; set password_file",
        ),
        (
            {"security_protocol": "SASL_SSL", "sasl": {"mechanism": "OAUTHBEARER"}},
            "kafka.sasl.token_file: OAUTHBEARER needs it; set it to a mounted file",
        ),
        ({"ssl": {"ca_file": "/"}}, "ca_file: is a directory: '/'; looked for in"),
        (
            {"ssl": {"ca_file": "/no/ca.pem"}},
            "ca_file: no such file or directory: '/no/ca.pem'; looked",
        ),
    ],
)
def test_security_of_kafka_is_whole_or_refused(kafka: dict[str, object], said: str) -> None:
    refusal = Example().put("kafka", kafka).refusal()

    assert said in refusal
    assert "hush" not in refusal


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    certificate.write_text("certificate")

    refusal = Example().put("kafka.ssl", {"cert_file": str(certificate)}).refusal()

    assert "kafka.ssl.key_file: is missing: a certificate needs its key" in refusal


def test_the_secret_of_sasl_is_the_password_or_the_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token\n")
    by_token = {"mechanism": "OAUTHBEARER", "token_file": str(token)}
    read = []

    for sasl in (SASL, by_token):
        example = Example().put("kafka", {"security_protocol": "SASL_SSL", "sasl": sasl})
        secret = settings_from(example.document, tmp_path).kafka.sasl.secret()
        read.append(secret.read() if secret else None)

    assert read == ["hush", "token"]
