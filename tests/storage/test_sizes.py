"""What a storage has is compared with what we gave it, on a real server of each kind."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import obstore
import pytest

from pipeline.stages.snapshot.ports import StorageUnavailable
from pipeline.storage.object_storage import ObjectStorage, Reached
from pipeline.storage.object_stores import s3_store
from pipeline.storage.unfinished import unfinished_path
from tests.servers.openssh import OpenSsh
from tests.storage.places import Place, sftp_place

if TYPE_CHECKING:
    from obstore.store import S3Credential

pytestmark = pytest.mark.storage

PATH = "audience/audience-1.csv"
MEGABYTE = 1024 * 1024
KEYS: "S3Credential" = {
    "access_key_id": "id",
    "secret_access_key": "secret",
    "token": None,
    "expires_at": None,
}


async def two_megabytes() -> AsyncIterator[bytes]:
    yield bytes(MEGABYTE)
    yield bytes(MEGABYTE)


async def test_a_file_that_grew_while_it_was_written_does_not_become_visible(
    openssh: OpenSsh, name: str
) -> None:
    place = sftp_place(openssh, name)

    async def while_another_writes() -> AsyncIterator[bytes]:
        async for piece in two_megabytes():
            yield piece
        with (openssh.files / name / unfinished_path(PATH)).open("ab") as file:
            file.write(b"foreign")

    storage = place.storage()
    with pytest.raises(StorageUnavailable, match="2097152 bytes were written, but 2097159 are"):
        await storage.put(PATH, while_another_writes())

    assert not await storage.files("audience")
    assert place.unfinished() == 0


async def test_a_file_of_another_size_is_taken_away(s3: str, s3_bucket: Place, name: str) -> None:
    store = await s3_store(
        bucket=name, prefix="", endpoint=s3, region="us-east-1", credentials=lambda: KEYS
    )

    async def shortened_once_it_is_there() -> Reached:
        found = obstore.list(store, "audience").collect()
        if any(one["size"] == 2 * MEGABYTE for one in found):
            obstore.put(store, PATH, b"x")
        return Reached(store=store, place="bucket", address=s3)

    storage = ObjectStorage(shortened_once_it_is_there)

    with pytest.raises(StorageUnavailable, match="2097152 bytes were written, but 1 are stored"):
        await storage.put(PATH, two_megabytes())

    assert not await storage.files("audience")
    assert s3_bucket.unfinished() == 0
