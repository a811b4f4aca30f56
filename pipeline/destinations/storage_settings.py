"""Settings of the storage from which a partner fetches snapshots; `kind` chooses the section."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from pipeline.settings.problems import Problem
from pipeline.settings.values import (
    HeaderText,
    Hidden,
    ReadableFile,
    SecretFile,
    Section,
    Text,
    Url,
    Whole,
    refuse,
)


class LandingZoneSettings(Section):
    """Storage that the partner provides, with the credentials for it."""

    kind: Literal["landing_zone"]


class S3Settings(Section):
    """Amazon S3, or another storage with the same protocol."""

    kind: Literal["s3"]
    bucket: Text
    prefix: str = ""
    """The beginning of every path."""
    endpoint_url: Url | None = None
    region: Text | None = None
    access_key_id: HeaderText | None = None
    """Null: the keys of the environment."""
    secret_access_key: Hidden | None = None
    secret_access_key_file: SecretFile | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        secrets = (self.secret_access_key, self.secret_access_key_file)
        given = sum(one is not None for one in secrets)
        if given > 1 or (given == 1) != (self.access_key_id is not None):
            yield Problem(
                path=("access_key_id",),
                what="access_key_id needs exactly one secret, and a secret needs access_key_id",
                remedy="set access_key_id and secret_access_key_file, or neither for the keys of "
                "the environment",
            )


class GcsSettings(Section):
    """Google Cloud Storage."""

    kind: Literal["gcs"]
    bucket: Text
    prefix: str = ""
    endpoint_url: Url | None = None
    service_account_file: ReadableFile | None = None
    """Null: the credentials of the environment."""


class AzureBlobSettings(Section):
    """Azure Blob Storage."""

    kind: Literal["azure_blob"]
    account: Text
    container: Text
    prefix: str = ""
    endpoint_url: Url | None = None
    sas_token: Hidden | None = None
    sas_token_file: SecretFile | None = None
    account_key: Hidden | None = None
    account_key_file: SecretFile | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        given = (self.sas_token, self.sas_token_file, self.account_key, self.account_key_file)
        if sum(one is not None for one in given) != 1:
            yield Problem(
                path=("sas_token_file",),
                what="exactly one of sas_token_file and account_key_file is needed",
                remedy="set one of the two",
            )


class SftpSettings(Section):
    """A file server with SFTP; its host key must be in known_hosts_file."""

    kind: Literal["sftp"]
    host: Text
    port: Whole = Field(default=22, ge=1, le=65_535)
    username: Text
    private_key_file: ReadableFile
    known_hosts_file: ReadableFile
    path: Text
    """The folder that the partner reads; absolute, or relative to the user's home."""


class FolderSettings(Section):
    """A folder of this machine, for the sandbox and for tests."""

    kind: Literal["folder"]
    path: Path


StorageSettings: TypeAlias = Annotated[
    LandingZoneSettings
    | S3Settings
    | GcsSettings
    | AzureBlobSettings
    | SftpSettings
    | FolderSettings,
    Field(discriminator="kind"),
]
