"""What every storage promises, each on a real server."""

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping

import pytest
from blockbuster import BlockBuster

from pipeline.destinations.storage_settings import StorageSettings
from tests.cancelled import CancelledAt, cancelled_at_each_wait
from tests.storage import writer
from tests.storage.places import Place

PATH = "audience/audience-1.csv"
MEGABYTE = 1024 * 1024


class OurTrouble(Exception):
    """What making the pieces may raise: the topic cannot be read."""


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for one in given:
        yield one


async def megabytes(count: int, digest: "hashlib._Hash") -> AsyncIterator[bytes]:
    """
    No two of them alike, so that an exchange of parts would show.
    """
    for number in range(count):
        piece = number.to_bytes(4, "big") * (MEGABYTE // 4)
        digest.update(piece)
        yield piece


async def broken_after(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(MEGABYTE)
    raise OurTrouble


async def test_a_file_is_stored_as_it_was_given(place: Place) -> None:
    storage = place.storage()

    stored = await storage.put(PATH, pieces(b"id\n", b'"a"\n', b"", b'"b"\n'))

    assert place.read(PATH) == b'id\n"a"\n"b"\n'
    assert (stored.path, stored.size) == (PATH, 11)
    assert await storage.head(PATH) == stored
    assert list(await storage.files("audience")) == [stored]


async def test_a_file_of_many_parts_arrives_in_order(place: Place) -> None:
    digest = hashlib.sha256()

    stored = await place.storage().put(PATH, megabytes(35, digest))

    assert stored.size == 35 * MEGABYTE
    assert hashlib.sha256(place.read(PATH)).digest() == digest.digest()


async def test_a_file_may_be_empty(place: Place) -> None:
    stored = await place.storage().put(PATH, pieces())

    assert stored.size == 0
    assert place.read(PATH) == b""


async def test_a_file_replaces_the_one_of_its_name(place: Place) -> None:
    storage = place.storage()
    await storage.put(PATH, pieces(b"older and longer"))

    stored = await storage.put(PATH, pieces(b"newer"))

    assert place.read(PATH) == b"newer"
    assert stored.size == 5


async def test_the_time_of_a_file_is_by_the_clock_of_the_storage(place: Place) -> None:
    """
    Within the second that servers round to, and the moment between the two questions.
    """
    storage = place.storage()

    before = await storage.now_s()
    stored = await storage.put(PATH, pieces(b"x"))
    after = await storage.now_s()

    assert before - 1 <= stored.modified_s <= after + 1


async def test_where_nothing_is_nothing_is_found(place: Place) -> None:
    storage = place.storage()
    await storage.put("other/1.csv", pieces(b"x"))

    assert await storage.head(PATH) is None
    assert not await storage.files("audience")


async def test_a_folder_is_listed_without_its_neighbours(place: Place) -> None:
    storage = place.storage()
    for path in ("audience/1.csv", "audience/2.csv", "audience-b/1.csv", "other/audience/1.csv"):
        await storage.put(path, pieces(b"x"))

    found = await storage.files("audience")

    assert sorted(one.path for one in found) == ["audience/1.csv", "audience/2.csv"]


async def test_a_long_listing_is_complete(place: Place) -> None:
    """
    Servers hand out at most a thousand at a time; Azure five thousand, which is not tried here.
    """
    if place.fill is None:
        pytest.skip("filling it takes too long")
    await asyncio.to_thread(place.fill, "audience", 1_100)

    found = await place.storage().files("audience")

    assert {one.path for one in found} == {f"audience/{number}.csv" for number in range(1_100)}


async def test_a_file_can_be_let_go_more_than_once(place: Place) -> None:
    storage = place.storage()
    await storage.put(PATH, pieces(b"x"))

    await storage.delete(PATH)
    await storage.delete(PATH)

    assert await storage.head(PATH) is None
    assert not await storage.files("audience")


@pytest.mark.parametrize("count", [0, 1, 30])
async def test_what_ends_with_an_error_leaves_nothing(place: Place, count: int) -> None:
    """
    The error of the pieces comes through as it is; nothing is visible, and no part stays.
    """
    storage = place.storage()

    with pytest.raises(OurTrouble):
        await storage.put(PATH, broken_after(count))

    assert await storage.head(PATH) is None
    assert not await storage.files("audience")
    assert place.unfinished() == 0


async def test_what_is_cancelled_leaves_nothing(place: Place) -> None:
    storage = place.storage()
    is_far = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield bytes(MEGABYTE)
        is_far.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        put = tasks.create_task(storage.put(PATH, stuck()))
        await is_far.wait()
        put.cancel()

    assert put.cancelled()
    assert await storage.head(PATH) is None
    assert not await storage.files("audience")
    assert place.unfinished() == 0


async def test_what_is_cancelled_at_its_very_end_is_there_or_not(place: Place) -> None:
    """
    The caller learns which: a file that it was not told of is not visible. Cancelled wherever it
    waits from the last piece on, until it is over before.
    """
    storage, number, is_over = place.storage(), 0, False
    while not is_over:
        last = LastPiece()
        cancelled = CancelledAt(number, is_counting=last.was_given)
        async with asyncio.TaskGroup() as tasks:
            put = tasks.create_task(cancelled.of(storage.put(PATH, last.pieces())))

        is_over = not put.cancelled()
        found = await storage.files("audience")
        assert [one.path for one in found] == ([PATH] if is_over else [])
        assert place.unfinished() == 0
        number += 1
    assert number > 1


@pytest.mark.parametrize("is_late", [False, True])
async def test_who_is_cancelled_while_a_storage_is_waited_for_is_cancelled(
    place: Place, *, is_late: bool
) -> None:
    """
    Wherever it waits, also if the cancellation comes together with what it waits for. Otherwise a
    stop or a timeout of the caller would be lost, and a whole file would be stored after it.
    """
    storage = place.storage()

    async def put() -> None:
        await storage.put(PATH, pieces(b"x"))

    ends = [is_right async for is_right in cancelled_at_each_wait(put, is_late=is_late)]

    assert len(ends) > 1
    assert all(ends)


class LastPiece:
    """A file of one piece, and whether the storage has taken it."""

    def __init__(self) -> None:
        self._is_given = False

    async def pieces(self) -> AsyncIterator[bytes]:
        yield bytes(MEGABYTE)
        self._is_given = True

    def was_given(self) -> bool:
        return self._is_given


async def test_nothing_blocks_the_event_loop(place: Place) -> None:
    """
    Files, keys and known hosts are read in threads; everything else is awaited.
    """
    storage = place.storage()
    watched = BlockBuster()
    watched.activate()
    try:
        await storage.put(PATH, megabytes(3, hashlib.sha256()))
        await storage.files("audience")
        await storage.head(PATH)
        await storage.now_s()
        await storage.delete(PATH)
    finally:
        watched.deactivate()


async def test_a_killed_writer_leaves_nothing_that_is_visible(place: Place) -> None:
    """
    And in storages without parts, the next file of the folder sweeps what it left.
    """
    storage = place.storage()

    await asyncio.to_thread(kill_a_writer, place.settings)

    assert await storage.head(writer.PATH) is None
    assert not await storage.files("audience")
    if place.settings.kind in {"folder", "sftp"}:
        assert place.unfinished() == 1
        await storage.put(PATH, pieces(b"x"))
        assert place.unfinished() == 0


def kill_a_writer(settings: StorageSettings) -> None:
    command = [sys.executable, "-m", "tests.storage.writer", json.dumps(shown(settings))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"writing\n"
        finally:
            process.kill()


def shown(settings: StorageSettings) -> Mapping[str, object]:
    """
    With secrets: they are those of the tests.
    """
    said = settings.model_dump(exclude_none=True)
    return {
        key: value.get_secret_value()
        if hasattr(value, "get_secret_value")
        else str(value)
        if key != "port"
        else value
        for key, value in said.items()
    }
