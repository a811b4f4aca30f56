"""Who else may read a secret: `check` says it, and how to close the file."""

from pathlib import Path

import pytest

from pipeline.configuration.advice import advice
from pipeline.configuration.load import settings_from
from pipeline.destinations.registry import PARTNERS
from tests.configuration.test_example_files import Example

SECRET_KEYS = {
    "destinations.amazon-na.client_secret_file": "destinations.amazon-na.client_secret",
    "destinations.amazon-na.refresh_token_file": "destinations.amazon-na.refresh_token",
    "kafka.ssl.key_password_file": "kafka.ssl.key_password",
    "kafka.ssl.key_file": None,
    "sources.0.registry.password_file": None,
}


@pytest.mark.parametrize("key", SECRET_KEYS)
@pytest.mark.parametrize(("mode", "is_open"), [(0o644, True), (0o604, True), (0o640, False)])
def test_a_secret_that_every_user_of_the_machine_can_read_is_named_with_the_way_to_close_it(
    tmp_path: Path, key: str, mode: int, is_open: bool
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush")
    secret.chmod(mode)
    example = Example().put("sources.0.registry", {"url": "https://registry", "username": "me"})
    example.put("sources.0.encoding", "avro")
    if "key_file" in key:
        certificate = tmp_path / "certificate"
        certificate.write_text("public")
        example.put("kafka.ssl.cert_file", str(certificate))
    if "registry" not in key:
        example.put("sources.0.registry.password", "hush")
    if (other := SECRET_KEYS[key]) is not None and "destinations" in other:
        example.drop(other)
    example.put(key, str(secret))

    lines = advice(settings_from(example.document, Path()), PARTNERS)

    named = key.replace("sources.0", "sources[0]")
    said = f"{named}: every user of this machine can read it; run `chmod o-r {secret}`"
    assert [line.startswith(said) for line in lines] == ([True] if is_open else [])
    assert "hush" not in str(lines)
