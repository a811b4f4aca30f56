"""Access to the partner's own storage, with credentials that the partner gives for a while."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.destinations.snapshots import LandingZone
from pipeline.storage.object_storage import Reached
from pipeline.storage.object_stores import azure_address, azure_store, s3_address, s3_store

if TYPE_CHECKING:
    from obstore.store import AzureSASToken, S3Credential

RENEWED_BEFORE_SECONDS = 600.0
"""We renew before the library asks for new credentials, five minutes before their end."""
_SHORTEST_LEAD_SECONDS = 15.0
_BETWEEN_EXPIRED_SECONDS = 60.0


class LandingZoneAccess:
    """Asks the partner for credentials, and again before they expire, also during an upload."""

    def __init__(
        self, ask: Callable[[], Awaitable[LandingZone]], clock: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._zone: LandingZone | None = None
        self._reached: Reached | None = None
        self._due_s = 0.0

    async def current(self) -> Reached:
        if self._reached is None or self._clock() >= self._due_s:
            await self._renew()
        assert self._reached is not None
        return self._reached

    async def is_replaced(self) -> bool:
        """Ask for credentials, because ours were refused; return whether the new ones differ."""
        former = self._zone
        await self._renew()
        return self._zone != former

    async def _renew(self) -> None:
        zone = await self._ask()
        now_s = self._clock()
        self._due_s = float("inf") if zone.expires_s is None else due_s(now_s, zone.expires_s)
        if zone != self._zone:
            # Set the zone first, so that an upload with the former store uses it, too.
            self._zone = zone
            self._reached = await self._made(zone)

    async def _made(self, zone: LandingZone) -> Reached:
        given = zone.credentials
        endpoint = given.get("endpoint_url")
        place = f"landing zone {zone.container}"
        match zone.kind:
            case "azure":
                return Reached(
                    store=azure_store(
                        account=given["account"],
                        container=zone.container,
                        prefix=zone.folder,
                        endpoint=endpoint,
                        credentials=self._sas_token,
                    ),
                    place=place,
                    address=azure_address(given["account"], endpoint),
                )
            case "s3":
                return Reached(
                    store=await s3_store(
                        bucket=zone.container,
                        prefix=zone.folder,
                        endpoint=endpoint,
                        region=given.get("region"),
                        credentials=self._session_keys,
                    ),
                    place=place,
                    address=s3_address(zone.container, endpoint),
                )

    # The library calls these from its own threads, where a coroutine would fail.

    def _sas_token(self) -> "AzureSASToken":
        given, expires_at = self._newest()
        return {"sas_token": given["sas_token"], "expires_at": expires_at}

    def _session_keys(self) -> "S3Credential":
        given, expires_at = self._newest()
        return {
            "access_key_id": given["access_key_id"],
            "secret_access_key": given["secret_access_key"],
            "token": given["session_token"],
            "expires_at": expires_at,
        }

    def _newest(self) -> tuple[Mapping[str, str], datetime | None]:
        assert self._zone is not None
        expires_s = self._zone.expires_s
        expires_at = None if expires_s is None else datetime.fromtimestamp(expires_s, tz=UTC)
        return self._zone.credentials, expires_at


def due_s(now_s: float, expires_s: float) -> float:
    """Return when to ask again for credentials that came at `now_s` and expire at `expires_s`.

    The partner may give the same credentials until they have expired. So we ask more often as
    that time comes nearer, but not all the time.
    """
    left = expires_s - now_s
    if left <= 0:
        return now_s + _BETWEEN_EXPIRED_SECONDS
    lead = min(RENEWED_BEFORE_SECONDS, left / 2)
    return expires_s - lead if lead >= _SHORTEST_LEAD_SECONDS else expires_s
