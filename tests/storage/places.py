"""Storages of every kind, each on a real server, and what can be seen there from outside."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

import obstore
from obstore.store import AzureStore, S3Store

from pipeline.destinations.snapshots import LandingZone
from pipeline.destinations.storage_settings import (
    AzureBlobSettings,
    FolderSettings,
    GcsSettings,
    S3Settings,
    SftpSettings,
    StorageSettings,
)
from pipeline.stages.snapshot.ports import FileStorage
from pipeline.storage.opening import opened
from tests.servers.object_stores import AZURE_ACCOUNT, AZURE_KEY
from tests.servers.openssh import OpenSsh

PREFIX = "from/us"


@dataclass(frozen=True, slots=True)
class Place:
    """One storage, empty, and a look at it that does not go through what is tested."""

    settings: StorageSettings
    read: Callable[[str], bytes] = field(repr=False)
    """The content of a file, by its path in the storage."""
    fill: Callable[[str, int], None] | None = field(default=None, repr=False)
    """Put so many small files into a folder."""
    unfinished: Callable[[], int] = field(default=lambda: 0, repr=False)
    """How many files the server has that are not whole."""

    def storage(self) -> FileStorage:
        return opened(self.settings, landing_zone=no_landing_zone, clock=time.time)


async def no_landing_zone() -> LandingZone:
    raise AssertionError("nobody asks for a landing zone here")


def folder_place(root: Path) -> Place:
    return Place(
        FolderSettings(kind="folder", path=root),
        read=lambda path: (root / path).read_bytes(),
        fill=lambda folder, count: _fill_folder(root / folder, count),
        unfinished=lambda: _unfinished_in(root),
    )


def sftp_place(server: OpenSsh, name: str) -> Place:
    root = server.files / name
    root.mkdir()
    server.give(root)
    return Place(
        sftp_settings(server, path=str(root)),
        read=lambda path: (root / path).read_bytes(),
        fill=lambda folder, count: _fill_folder(root / folder, count),
        unfinished=lambda: _unfinished_in(root),
    )


def sftp_settings(server: OpenSsh, **others: object) -> SftpSettings:
    return SftpSettings.model_validate(
        {
            "kind": "sftp",
            "host": "127.0.0.1",
            "port": server.port,
            "username": server.user,
            "private_key_file": server.private_key,
            "known_hosts_file": server.known_hosts,
            "path": str(server.files),
            **others,
        }
    )


def s3_place(address: str, bucket: str) -> Place:
    http("PUT", f"{address}/{bucket}")
    base = f"{address}/{bucket}/{PREFIX}"
    store = S3Store(
        bucket,
        prefix=PREFIX,
        endpoint=address,
        access_key_id="another key",
        secret_access_key="another secret",
        client_options={"allow_http": True},
    )
    return Place(
        s3_settings(address, bucket),
        read=lambda path: bytes(obstore.get(store, path).bytes()),
        fill=lambda folder, count: _fill_bucket(f"{base}/{folder}", count),
        unfinished=lambda: http("GET", f"{address}/{bucket}?uploads").count(b"<UploadId>"),
    )


def s3_settings(address: str, bucket: str, **others: object) -> S3Settings:
    return S3Settings.model_validate(
        {
            "kind": "s3",
            "bucket": bucket,
            "prefix": PREFIX,
            "endpoint_url": address,
            "access_key_id": "key-of-tests",
            "secret_access_key": "secret-of-tests",
            **others,
        }
    )


def gcs_place(address: str, bucket: str, folder: Path) -> Place:
    """
    Without a login: what Google's own would ask is said in the file of the account.

    This server fails when it is asked for uploads of which one was aborted, so nobody asks it.
    """
    http("PUT", f"{address}/{bucket}")
    base = f"{address}/{bucket}/{PREFIX}"
    account = folder / "account.json"
    nobody = {"client_email": "", "private_key": "", "private_key_id": ""}
    account.write_text(json.dumps({"gcs_base_url": address, "disable_oauth": True, **nobody}))
    return Place(
        GcsSettings(
            kind="gcs",
            bucket=bucket,
            prefix=PREFIX,
            endpoint_url=address,
            service_account_file=account,
        ),
        read=lambda path: http("GET", f"{base}/{path}"),
        fill=lambda folder, count: _fill_bucket(f"{base}/{folder}", count),
    )


def azure_place(address: str, container: str) -> Place:
    store = AzureStore(
        container,
        prefix=PREFIX,
        account_name=AZURE_ACCOUNT,
        account_key=AZURE_KEY,
        endpoint=address,
        client_options={"allow_http": True},
    )
    return Place(
        azure_settings(address, container),
        read=lambda path: bytes(obstore.get(store, path).bytes()),
    )


def azure_settings(address: str, container: str, **others: object) -> AzureBlobSettings:
    return AzureBlobSettings.model_validate(
        {
            "kind": "azure_blob",
            "account": AZURE_ACCOUNT,
            "container": container,
            "prefix": PREFIX,
            "endpoint_url": address,
            **(others or {"account_key": AZURE_KEY}),
        }
    )


def http(method: str, url: str, body: bytes | None = None) -> bytes:
    headers = {"Content-Type": "application/xml"}
    with urlopen(Request(url, method=method, data=body, headers=headers)) as answer:
        content: bytes = answer.read()
    return content


def _fill_folder(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.csv").write_bytes(b"x")


def _fill_bucket(url: str, count: int) -> None:
    for number in range(count):
        http("PUT", f"{url}/{number}.csv", b"x")


def _unfinished_in(root: Path) -> int:
    return sum(1 for one in root.glob(".unfinished/**/*") if one.is_file())
