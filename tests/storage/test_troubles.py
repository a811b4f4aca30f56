"""What a person reads who must mend something: one line, with the remedy, and no secret."""

import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from pipeline.destinations.storage_settings import FolderSettings, GcsSettings, StorageSettings
from pipeline.sandbox.server_process import free_port
from pipeline.stages.snapshot.ports import FileStorage, StorageRefused, StorageUnavailable
from pipeline.storage.opening import opened
from tests.servers.object_stores import (
    AZURE_KEY,
    S3PROXY_KEY_ID,
    S3PROXY_SECRET,
    make_container,
    sas_token,
)
from tests.servers.openssh import OpenSsh
from tests.storage.places import (
    azure_settings,
    no_landing_zone,
    s3_settings,
    sftp_settings,
)

pytestmark = pytest.mark.storage

PATH = "audience/audience-1.csv"
NOWHERE = "http://no-such-host.invalid"
SECRETS = ("secret-of-tests", S3PROXY_SECRET, AZURE_KEY, "sig=", "nonsense")


async def piece() -> AsyncIterator[bytes]:
    yield b"x"


def storage(settings: StorageSettings) -> FileStorage:
    return opened(settings, landing_zone=no_landing_zone, clock=lambda: 0.0)


async def line_of(error: type[Exception], call: Awaitable[object]) -> str:
    with pytest.raises(error) as caught:
        await call
    line = str(caught.value)
    assert "\n" not in line
    assert not any(secret in line for secret in SECRETS)
    # A log shows causes, too, and the library's quote the address and its signature.
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return line


async def refusal(settings: StorageSettings) -> str:
    return await line_of(StorageRefused, storage(settings).put(PATH, piece()))


async def outage(settings: StorageSettings) -> str:
    return await line_of(StorageUnavailable, storage(settings).put(PATH, piece()))


class TestS3:
    async def test_a_missing_bucket(self, s3: str) -> None:
        line = await refusal(s3_settings(s3, "no-such-bucket"))

        assert line == (
            "bucket no-such-bucket: there is no such bucket; create it, or correct its name "
            "(it answers 404 NoSuchBucket)"
        )

    async def test_a_missing_bucket_is_no_empty_one(self, s3: str) -> None:
        files = storage(s3_settings(s3, "no-such-bucket")).files("audience")

        assert "404 NoSuchBucket" in await line_of(StorageRefused, files)

    @pytest.mark.parametrize(
        ("keys", "code"),
        [
            ({"access_key_id": "another"}, "InvalidAccessKeyId"),
            (
                {"access_key_id": S3PROXY_KEY_ID, "secret_access_key": "nonsense"},
                "SignatureDoesNotMatch",
            ),
        ],
    )
    async def test_a_wrong_key(self, careful_s3: str, keys: dict[str, str], code: str) -> None:
        line = await refusal(s3_settings(careful_s3, "bucket", **keys))

        assert line == (
            "bucket bucket: it does not accept the credentials; check them, and that they may "
            f"read, write, list and delete (it answers 403 {code})"
        )

    async def test_the_right_key_is_accepted(self, careful_s3: str) -> None:
        keys = {"access_key_id": S3PROXY_KEY_ID, "secret_access_key": S3PROXY_SECRET}

        line = await refusal(s3_settings(careful_s3, "bucket", **keys))

        assert "404 NoSuchBucket" in line

    async def test_a_secret_that_is_rotated_in_its_file(
        self, careful_s3: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "secret"
        file.write_text("nonsense\n")
        settings = s3_settings(
            careful_s3,
            "bucket",
            access_key_id=S3PROXY_KEY_ID,
            secret_access_key=None,
            secret_access_key_file=str(file),
        )
        used = storage(settings)
        assert "403" in await line_of(StorageRefused, used.files("audience"))

        file.write_text(S3PROXY_SECRET)

        assert "404" in await line_of(StorageRefused, used.files("audience"))

    async def test_a_secret_that_is_gone(self, s3: str, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("x")
        settings = s3_settings(
            s3, "bucket", secret_access_key=None, secret_access_key_file=str(file)
        )
        file.unlink()

        assert "no such file" in await refusal(settings)

    async def test_a_name_without_an_address(self) -> None:
        line = await outage(s3_settings(NOWHERE, "bucket", region="eu-west-1"))

        assert line == "bucket bucket: DNS has no address for it; check the name"

    async def test_a_port_where_nobody_listens(self) -> None:
        nobody = f"http://127.0.0.1:{free_port()}"

        line = await outage(s3_settings(nobody, "bucket", region="eu-west-1"))

        assert line == "bucket bucket: it refuses connections; check address and port"

    async def test_a_prefix_that_is_none(self, s3: str) -> None:
        line = await refusal(s3_settings(s3, "bucket", prefix="a//b"))

        assert line == (
            "bucket bucket: cannot be used with these settings; check that prefix has no empty "
            "part, and that the credentials are complete"
        )

    async def test_no_answer_about_the_region(self) -> None:
        assert "cannot be reached" in await outage(s3_settings(NOWHERE, "bucket"))


class TestAzure:
    async def test_a_missing_container(self, azure: str) -> None:
        line = await refusal(azure_settings(azure, "no-such-container"))

        assert line == (
            "container no-such-container: there is no such container; create it, or correct its "
            "name (it answers 404 ContainerNotFound)"
        )

    async def test_a_wrong_key(self, azure: str, name: str) -> None:
        make_container(azure, name)

        line = await refusal(azure_settings(azure, name, account_key="AAAA" + AZURE_KEY[4:]))

        assert "does not accept the credentials" in line

    async def test_a_key_that_is_none(self, azure: str, name: str) -> None:
        make_container(azure, name)

        line = await refusal(azure_settings(azure, name, account_key="nonsense !"))

        assert "does not accept the credentials" in line

    @pytest.mark.parametrize(
        ("seconds", "permissions"),
        [(-60, "rwdl"), (3600, "rl")],
        ids=["expired", "may not write"],
    )
    async def test_a_signature_that_does_not_open_it(
        self, azure: str, name: str, seconds: int, permissions: str
    ) -> None:
        make_container(azure, name)
        token = sas_token(name, time.time() + seconds, permissions)

        line = await refusal(azure_settings(azure, name, sas_token=token))

        assert "does not accept the credentials" in line
        assert "it answers 403 Auth" in line


async def test_a_service_account_that_is_none(tmp_path: Path) -> None:
    account = tmp_path / "account.json"
    account.write_text('{"private_key": "nonsense"')
    settings = GcsSettings(kind="gcs", bucket="bucket", service_account_file=account)

    assert "the credentials are complete" in await refusal(settings)


class TestSftp:
    async def test_a_server_that_is_not_known(self, openssh: OpenSsh, tmp_path: Path) -> None:
        nobody = tmp_path / "known_hosts"
        nobody.write_text("# nobody\n")

        line = await refusal(sftp_settings(openssh, known_hosts_file=nobody))

        assert line == (
            f"SFTP server 127.0.0.1:{openssh.port}: known_hosts_file has no key for it; get the "
            "key from its operator and add it"
        )

    async def test_a_server_that_is_another_one(self, openssh: OpenSsh, tmp_path: Path) -> None:
        """
        Somebody may stand between: nothing is sent, not even who we are.
        """
        other = tmp_path / "known_hosts"
        other.write_text(f"[127.0.0.1]:{openssh.port} {new_key(tmp_path).read_text()}")

        line = await refusal(sftp_settings(openssh, known_hosts_file=other))

        assert "its host key is not the one of known_hosts_file; do not deliver until" in line

    async def test_a_key_that_is_not_accepted(self, openssh: OpenSsh, tmp_path: Path) -> None:
        key = new_key(tmp_path).with_suffix("")

        line = await refusal(sftp_settings(openssh, private_key_file=key))

        assert "it does not accept user and private key; add the public key" in line

    async def test_a_file_that_is_no_private_key(self, openssh: OpenSsh, tmp_path: Path) -> None:
        line = await refusal(sftp_settings(openssh, private_key_file=new_key(tmp_path)))

        assert "cannot be read as a private key; give one without a passphrase" in line

    async def test_a_folder_that_is_not_there_is_not_made(self, openssh: OpenSsh) -> None:
        missing = openssh.files / "missing"

        line = await refusal(sftp_settings(openssh, path=str(missing)))

        assert f"there is no folder '{missing}'; create it, or correct `path`" in line
        assert not missing.exists()

    async def test_a_folder_where_it_may_not_write(self, openssh: OpenSsh) -> None:
        line = await refusal(sftp_settings(openssh, path="/usr"))

        assert "permission denied; let the user read, write, list and delete" in line

    async def test_a_name_without_an_address(self, openssh: OpenSsh) -> None:
        line = await outage(sftp_settings(openssh, host="no-such-host.invalid"))

        assert "DNS has no address for it; check the name" in line

    async def test_a_port_where_nobody_listens(self, openssh: OpenSsh) -> None:
        line = await outage(sftp_settings(openssh, port=free_port()))

        assert "it refuses connections; check address and port" in line


async def test_a_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    line = await outage(FolderSettings(kind="folder", path=tmp_path / "file"))

    assert line == f"folder {tmp_path / 'file'}: not a directory"


@pytest.mark.parametrize(
    "call",
    [
        lambda one: one.head(PATH),
        lambda one: one.files("audience"),
        lambda one: one.delete(PATH),
        lambda one: one.now_s(),
    ],
)
async def test_every_question_says_that_nobody_answers(
    openssh: OpenSsh, call: Callable[[FileStorage], Awaitable[object]]
) -> None:
    port = free_port()
    nobody = f"http://127.0.0.1:{port}"
    away: list[StorageSettings] = [
        s3_settings(nobody, "bucket", region="eu-west-1"),
        azure_settings(nobody, "container"),
        sftp_settings(openssh, port=port),
    ]

    for settings in away:
        await line_of(StorageUnavailable, call(storage(settings)))


def new_key(folder: Path) -> Path:
    """
    The public half of a new pair.
    """
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "other")], check=True
    )
    return folder / "other.pub"
