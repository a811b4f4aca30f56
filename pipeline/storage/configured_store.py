"""Makes object storages from settings; a changed secret makes a new store."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from pipeline.destinations.storage_settings import AzureBlobSettings, GcsSettings, S3Settings
from pipeline.settings.problems import SettingsError
from pipeline.settings.secrets import required, secret
from pipeline.stages.snapshot.ports import StorageRefused
from pipeline.storage.object_storage import ObjectStorage, Reached
from pipeline.storage.object_stores import (
    GCS_ADDRESS,
    azure_address,
    azure_store,
    gcs_store,
    s3_address,
    s3_store,
)

if TYPE_CHECKING:
    from obstore.store import AzureAccessKey, AzureSASToken, S3Credential


class _SecretStore:
    """Makes a store with a secret, and a new one when the platform has rotated the secret."""

    def __init__(self, read: Callable[[], str], make: Callable[[str], Awaitable[Reached]]) -> None:
        self._read = read
        self._make = make
        self._made: tuple[str, Reached] | None = None

    async def current(self) -> Reached:
        try:
            value = await asyncio.to_thread(self._read)
        except SettingsError as error:
            raise StorageRefused(str(error)) from None
        except OSError as error:
            raise StorageRefused(f"{error.filename}: {error.strerror}; mount it") from None
        if self._made is None or self._made[0] != value:
            self._made = (value, await self._make(value))
        return self._made[1]


def s3_storage(settings: S3Settings) -> ObjectStorage:
    key = secret(settings.secret_access_key, settings.secret_access_key_file)

    async def make(value: str) -> Reached:
        keys: S3Credential = {
            "access_key_id": settings.access_key_id or "",
            "secret_access_key": value,
            "token": None,
            "expires_at": None,
        }
        store = await s3_store(
            bucket=settings.bucket,
            prefix=settings.prefix,
            endpoint=settings.endpoint_url,
            region=settings.region,
            credentials=(lambda: keys) if value else None,
        )
        address = s3_address(settings.bucket, settings.endpoint_url)
        return Reached(store=store, place=f"bucket {settings.bucket}", address=address)

    return ObjectStorage(_SecretStore(lambda: key.read() if key else "", make).current)


def gcs_storage(settings: GcsSettings) -> ObjectStorage:
    file = settings.service_account_file

    async def make(value: str) -> Reached:
        store = gcs_store(
            bucket=settings.bucket,
            prefix=settings.prefix,
            endpoint=settings.endpoint_url,
            service_account=value or None,
        )
        address = settings.endpoint_url or GCS_ADDRESS
        return Reached(store=store, place=f"bucket {settings.bucket}", address=address)

    def account() -> str:
        return file.read_text(encoding="utf-8") if file else ""

    return ObjectStorage(_SecretStore(account, make).current)


def azure_storage(settings: AzureBlobSettings) -> ObjectStorage:
    token = secret(settings.sas_token, settings.sas_token_file)
    key = token or required(settings.account_key, settings.account_key_file)

    async def make(value: str) -> Reached:
        sas: AzureSASToken = {"sas_token": value, "expires_at": None}
        shared: AzureAccessKey = {"access_key": value, "expires_at": None}
        store = azure_store(
            account=settings.account,
            container=settings.container,
            prefix=settings.prefix,
            endpoint=settings.endpoint_url,
            credentials=lambda: shared if token is None else sas,
        )
        address = azure_address(settings.account, settings.endpoint_url)
        return Reached(store=store, place=f"container {settings.container}", address=address)

    return ObjectStorage(_SecretStore(key.read, make).current)
