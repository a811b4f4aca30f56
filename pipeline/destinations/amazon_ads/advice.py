"""Warnings about settings of a destination at Amazon Ads that are valid, but may not be meant."""

import re
from collections.abc import Iterator, Sequence

from pipeline.destinations.addresses import unencrypted
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.amazon_ads.targets import AmazonTarget

ADVISED_RECORDS = 6_000
PARTNER_WINDOW_SECONDS = 3_600
MODEST_SHARE_OF_CAP = 0.008


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def advice(destination: AmazonAdsSettings, targets: Sequence[AmazonTarget]) -> Iterator[str]:
    """A line for each warning, beginning with its key."""
    yield from _of_the_cap(destination)
    yield from unencrypted(api_url=destination.api_base(), token_url=destination.token_endpoint())
    yield from _of_connections(targets)


def _of_the_cap(destination: AmazonAdsSettings) -> Iterator[str]:
    batch = destination.batch.max_records
    if batch > ADVISED_RECORDS:
        yield (
            f"batch.max_records: {batch} is more than the {ADVISED_RECORDS} that the partner "
            "advises; expect refusals of large requests"
        )
    reserve = destination.pace().burst + 2 * destination.in_flight_records()
    share = reserve / destination.hourly_cap
    if share > MODEST_SHARE_OF_CAP:
        yield (
            f"hourly_cap: {share:.1%} of {destination.hourly_cap} is reserved for bursts and "
            f"requests in flight ({reserve} records) and never used; lower "
            "batch.max_records or max_in_flight to stay under 0.8%"
        )
    linger = destination.batch.linger_seconds
    if linger > destination.cap_window_seconds:
        yield (
            f"batch.linger_seconds: {linger:g} is longer than cap_window_seconds "
            f"({destination.cap_window_seconds:g}), so a record waits longer for a batch than for "
            "the cap; the unit is seconds, such as 5"
        )
    tolerated = 2 * destination.in_flight_records() / destination.pace().rate
    if destination.cap_window_seconds < PARTNER_WINDOW_SECONDS:
        yield (
            f"cap_window_seconds: {destination.cap_window_seconds:g} is shorter than the partner's "
            "hour, in which hourly_cap can be sent many times; use this only in tests"
        )
    elif destination.late_seconds > tolerated:
        yield (
            f"late_seconds: {destination.late_seconds:g} is longer than the {tolerated:.1f} s in "
            "which the cap has room for abandoned requests that still arrive, if all do; raise "
            "max_in_flight, or lower late_seconds if the partner is quicker"
        )


def _of_connections(targets: Sequence[AmazonTarget]) -> Iterator[str]:
    for connection in sorted({one.connection_id for one in targets if one.connection_id}):
        if _UUID.fullmatch(connection) is None:
            yield (
                f"connection_id: {connection!r} does not look like a connection id of Amazon, such "
                "as '5a523424-8f0c-4c55-9a2b-0d7f4c1e6b90'; `connections list` shows yours"
            )
