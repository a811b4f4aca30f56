"""The partner's own storage: its credentials last for a while, and anybody can end them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.snapshots import LandingZone
from pipeline.destinations.storage_settings import LandingZoneSettings
from pipeline.stages.snapshot.ports import FileStorage, StorageRefused, StorageUnavailable
from pipeline.storage.landing_zone_access import RENEWED_BEFORE_SECONDS, due_s
from pipeline.storage.opening import opened
from tests.servers.object_stores import AZURE_ACCOUNT, make_container, sas_token

pytestmark = pytest.mark.storage

PATH = "audience/audience-1.csv"
MEGABYTE = 1024 * 1024
HOUR = 3600.0


class Partner:
    """Hands out one set of credentials after the other, and the last one for ever."""

    def __init__(self, zones: Sequence[LandingZone]) -> None:
        self._zones = list(zones)
        self.asked = 0

    async def zone(self) -> LandingZone:
        self.asked += 1
        return self._zones.pop(0) if len(self._zones) > 1 else self._zones[0]


def landing_zone(partner: Partner) -> FileStorage:
    settings = LandingZoneSettings(kind="landing_zone")
    return opened(settings, landing_zone=partner.zone, clock=time.time)


def azure_zone(address: str, container: str, seconds: float, *, folder: str = "") -> LandingZone:
    expires_s = time.time() + seconds
    token = sas_token(container, expires_s)
    return LandingZone(
        kind="azure",
        container=container,
        folder=folder,
        credentials={"account": AZURE_ACCOUNT, "sas_token": token, "endpoint_url": address},
        expires_s=expires_s,
    )


async def piece() -> AsyncIterator[bytes]:
    yield b"x"


@pytest.fixture
def container(azure: str, name: str) -> str:
    make_container(azure, name)
    return name


async def test_files_go_where_the_partner_says(azure: str, container: str) -> None:
    partner = Partner([azure_zone(azure, container, HOUR, folder="in/here")])
    whole = landing_zone(Partner([azure_zone(azure, container, HOUR)]))
    storage = landing_zone(partner)

    stored = await storage.put(PATH, piece())

    assert list(await storage.files("audience")) == [stored]
    assert [one.path for one in await whole.files("in/here")] == [f"in/here/{PATH}"]
    assert await storage.now_s() == pytest.approx(time.time(), abs=2)
    await storage.delete(PATH)
    assert await storage.head(PATH) is None
    assert partner.asked == 1


async def test_credentials_are_renewed_in_the_middle_of_an_upload(
    azure: str, container: str
) -> None:
    """
    The first ones end while the file is written, by the clock of a real server.
    """
    partner = Partner([azure_zone(azure, container, 3), azure_zone(azure, container, HOUR)])
    ends_at = time.time() + 3

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield bytes(MEGABYTE)
        await asyncio.sleep(max(0.0, ends_at + 0.2 - time.time()))
        for _ in range(24):
            yield bytes(MEGABYTE)

    stored = await landing_zone(partner).put(PATH, slow())

    assert stored.size == 36 * MEGABYTE
    assert partner.asked == 2


async def test_credentials_that_are_refused_are_asked_for_anew(azure: str, container: str) -> None:
    """
    Another user made the partner end them: their time is not over, and they open nothing.
    """
    ended = azure_zone(azure, "another-container", HOUR)
    ended = azure_zone_named(ended, container)
    partner = Partner([ended, azure_zone(azure, container, HOUR)])

    assert not await landing_zone(partner).files("audience")

    assert partner.asked == 2


async def test_a_file_that_was_refused_is_tried_again_with_new_credentials(
    azure: str, container: str
) -> None:
    """
    Its pieces are used up, so who made them is told to begin again, not that a person must act.
    """
    ended = azure_zone_named(azure_zone(azure, "another-container", HOUR), container)
    storage = landing_zone(Partner([ended, azure_zone(azure, container, HOUR)]))

    with pytest.raises(StorageUnavailable, match="the partner gave new credentials"):
        await storage.put(PATH, piece())
    stored = await storage.put(PATH, piece())

    assert stored.size == 1


async def test_the_same_credentials_refused_again_are_a_matter_for_a_person(
    azure: str, container: str
) -> None:
    ended = azure_zone_named(azure_zone(azure, "another-container", HOUR), container)
    storage = landing_zone(Partner([ended]))

    with pytest.raises(StorageRefused, match="does not accept the credentials"):
        await storage.put(PATH, piece())
    with pytest.raises(StorageRefused, match="does not accept the credentials"):
        await storage.files("audience")


async def test_keys_of_a_session_come_with_their_token(aiohttp_s3: "TinyS3") -> None:
    zone = LandingZone(
        kind="s3",
        container="zone",
        folder="in",
        credentials={
            "access_key_id": "id",
            "secret_access_key": "secret",
            "session_token": "token-of-session",
            "endpoint_url": aiohttp_s3.address,
        },
        expires_s=time.time() + HOUR,
    )

    stored = await landing_zone(Partner([zone])).put(PATH, piece())

    assert stored.size == 1
    assert aiohttp_s3.tokens["/zone/in/" + PATH] == "token-of-session"
    assert "/eu-south-2/s3/" in aiohttp_s3.signatures["/zone/in/" + PATH]


@given(st.integers(0, 2_000_000_000), st.integers(-100_000, 1_000_000))
def test_credentials_are_renewed_in_time_and_not_all_the_time(now_s: int, left: int) -> None:
    """
    Before they expire where that is far, never after it, and at most every few seconds.
    """
    due = due_s(now_s, now_s + left)

    assert due >= now_s
    if left > 0:
        assert due <= now_s + left
    if left > 2 * RENEWED_BEFORE_SECONDS:
        assert due == pytest.approx(now_s + left - RENEWED_BEFORE_SECONDS)


@given(st.integers(1, 1_000_000))
def test_a_partner_that_renews_only_what_has_expired_is_asked_a_few_times(left: int) -> None:
    now_s, expires_s, asked = 0.0, left, 0
    while now_s < expires_s:
        now_s = due_s(now_s, expires_s)
        asked += 1

    assert asked <= 10
    assert now_s == expires_s


def azure_zone_named(zone: LandingZone, container: str) -> LandingZone:
    """
    The same credentials for another container: they do not open it.
    """
    return LandingZone(
        kind=zone.kind,
        container=container,
        folder=zone.folder,
        credentials=zone.credentials,
        expires_s=zone.expires_s,
    )


class TinyS3:
    """Keeps one file, and who sent it: the real servers here do not look at a session's token."""

    def __init__(self) -> None:
        self.address = ""
        self.tokens: dict[str, str | None] = {}
        self.signatures: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    async def put(self, request: web.Request) -> web.Response:
        self.tokens[request.path] = request.headers.get("x-amz-security-token")
        self.signatures[request.path] = request.headers["Authorization"]
        self._sizes[request.path] = len(await request.read())
        return web.Response(headers={"ETag": '"1"'})

    async def list(self, request: web.Request) -> web.Response:
        return web.Response(text="<ListBucketResult></ListBucketResult>")

    async def head(self, request: web.Request) -> web.Response:
        headers = {"x-amz-bucket-region": "eu-south-2", "ETag": '"1"'}
        if request.path not in self._sizes:
            return web.Response(status=403, headers=headers)
        headers["Content-Length"] = str(self._sizes[request.path])
        headers["Last-Modified"] = "Fri, 27 Nov 2026 11:00:00 GMT"
        return web.Response(headers=headers)


@pytest.fixture
async def aiohttp_s3() -> AsyncIterator[TinyS3]:
    server = TinyS3()
    app = web.Application()
    app.router.add_put("/{path:.*}", server.put)
    app.router.add_get("/{path:.*}", server.list, allow_head=False)
    app.router.add_head("/{path:.*}", server.head)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.address = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
