"""Servers of storages: started on first use, shared by the tests of this room."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.object_stores import (
    azure_server,
    make_container,
    s3_dialect_server,
    s3_server,
)
from tests.servers.openssh import OpenSsh, openssh_server
from tests.storage.places import (
    Place,
    azure_place,
    folder_place,
    gcs_place,
    s3_place,
    sftp_place,
)

KINDS = (
    "folder",
    *(pytest.param(kind, marks=pytest.mark.storage) for kind in ("sftp", "s3", "gcs", "azure")),
)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(scope="session")
def gcs() -> Iterator[str]:
    with s3_dialect_server(authorises=False) as address:
        yield address


@pytest.fixture(scope="session")
def careful_s3() -> Iterator[str]:
    """
    One that checks signatures.
    """
    with s3_dialect_server(authorises=True) as address:
        yield address


@pytest.fixture(scope="session")
def azure() -> Iterator[str]:
    with azure_server() as address:
        yield address


@pytest.fixture(scope="session")
def openssh() -> Iterator[OpenSsh]:
    with openssh_server() as server:
        yield server


@pytest.fixture
def name() -> str:
    """
    Of a bucket, container or folder that nobody has used.
    """
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def s3_bucket(s3: str, name: str) -> Place:
    return s3_place(s3, name)


@pytest.fixture
def azure_container(azure: str, name: str) -> Place:
    make_container(azure, name)
    return azure_place(azure, name)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, name: str, tmp_path: Path) -> Place:
    """
    An empty storage of each kind.
    """
    match request.param:
        case "folder":
            return folder_place(tmp_path / "storage")
        case "sftp":
            return sftp_place(request.getfixturevalue("openssh"), name)
        case "s3":
            return s3_place(request.getfixturevalue("s3"), name)
        case "gcs":
            return gcs_place(request.getfixturevalue("gcs"), name, tmp_path)
        case _:
            container: Place = request.getfixturevalue("azure_container")
            return container
