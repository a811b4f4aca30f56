"""Makes the library's stores with our options, from their address and credentials."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from pipeline.stages.snapshot.ports import StorageRefused
from pipeline.storage.server_answer import answer

if TYPE_CHECKING:
    from obstore.store import (
        AzureAccessKey,
        AzureSASToken,
        ClientConfig,
        GCSConfig,
        RetryConfig,
        S3Credential,
    )

S3_ADDRESS = "https://s3.amazonaws.com"
GCS_ADDRESS = "https://storage.googleapis.com"
_FIRST_REGION = "us-east-1"

_RETRIES: "RetryConfig" = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
"""Retries of one request; the caller of `put` tries the whole file again."""


async def s3_store(
    *,
    bucket: str,
    prefix: str,
    endpoint: str | None,
    region: str | None,
    credentials: "Callable[[], S3Credential] | None",
) -> S3Store:
    """Make a store for a bucket of S3.

    Without `region` S3 itself is asked for the bucket's region; no login is needed for that.
    Without `credentials` the store uses those of the environment.
    """
    address = s3_address(bucket, endpoint)
    region = region or await bucket_region(bucket, endpoint)
    with _usable(f"bucket {bucket}"):
        return S3Store(
            bucket,
            prefix=prefix or None,
            region=region,
            client_options=_client_options(address),
            retry_config=_RETRIES,
            credential_provider=credentials,
            # Some servers of this protocol cannot delete many files at once, and we delete one.
            disable_bulk_delete=True,
            config={} if endpoint is None else {"endpoint": endpoint},
        )


async def bucket_region(bucket: str, endpoint: str | None) -> str:
    headers = (await answer("HEAD", s3_address(bucket, endpoint))).headers
    return headers.get("x-amz-bucket-region", _FIRST_REGION)


def s3_address(bucket: str, endpoint: str | None) -> str:
    return f"{endpoint or S3_ADDRESS}/{bucket}"


def gcs_store(
    *, bucket: str, prefix: str, endpoint: str | None, service_account: str | None
) -> GCSStore:
    """Make a store for a bucket of Google Cloud Storage.

    Without the JSON of a service account the store uses the credentials of the environment.
    """
    config: GCSConfig = {}
    if service_account is not None:
        config["service_account_key"] = service_account
    if endpoint is not None:
        config["base_url"] = endpoint
    with _usable(f"bucket {bucket}"):
        return GCSStore(
            bucket,
            prefix=prefix or None,
            config=config,
            client_options=_client_options(endpoint or GCS_ADDRESS),
            retry_config=_RETRIES,
        )


def azure_store(
    *,
    account: str,
    container: str,
    prefix: str,
    endpoint: str | None,
    credentials: "Callable[[], AzureAccessKey | AzureSASToken]",
) -> AzureStore:
    address = azure_address(account, endpoint)
    with _usable(f"container {container}"):
        return AzureStore(
            container,
            prefix=prefix or None,
            account_name=account,
            endpoint=address,
            client_options=_client_options(address),
            retry_config=_RETRIES,
            credential_provider=credentials,
        )


def azure_address(account: str, endpoint: str | None) -> str:
    return endpoint or f"https://{account}.blob.core.windows.net"


@contextmanager
def _usable(place: str) -> Iterator[None]:
    """Replace the library's errors, which quote their input, credentials too."""
    try:
        yield
    except (BaseError, ValueError):
        raise StorageRefused(
            f"{place}: cannot be used with these settings; check that prefix has no empty part, "
            "and that the credentials are complete"
        ) from None


def _client_options(address: str) -> "ClientConfig":
    """Allow plain HTTP only if the address names it; leave time for a slow upload of a part."""
    return {
        "allow_http": address.startswith("http://"),
        "connect_timeout": timedelta(seconds=10),
        "timeout": timedelta(seconds=120),
    }
