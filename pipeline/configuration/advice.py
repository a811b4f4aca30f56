"""What is allowed and may not be meant: said by `check`, refused by nobody."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.sources.keying import KEYS

ADVISED_RECORDS = 6_000
PARTNER_WINDOW_SECONDS = 3_600
MODEST_SHARE_OF_CAP = 0.008


def advice(settings: Settings) -> list[str]:
    """A line for each, beginning with the key; empty for a configuration without surprises."""
    lines = [*_kafka(settings), *_unused(settings), *_keys(settings)]
    for name, destination in settings.destinations.items():
        lines.extend(f"destinations.{name}.{line}" for line in _destination(destination))
    return lines


def _kafka(settings: Settings) -> Iterator[str]:
    if not settings.kafka.exactly_once:
        yield (
            "kafka.exactly_once: false, so delivery is at least once: after a crash or a freeze an "
            "older change of a member can be sent again behind a newer one; set it to true unless "
            "the brokers have no transactions"
        )
    if settings.kafka.instance_id is not None:
        yield (
            f"kafka.instance_id: {settings.kafka.instance_id!r}, so the platform has to guarantee "
            "one process per identity: two at once would own the same lanes, and the cap would be "
            "counted twice; use it with a StatefulSet, otherwise set it to null"
        )
    if settings.kafka.security_protocol == "SASL_PLAINTEXT":
        yield "kafka.security_protocol: SASL_PLAINTEXT sends the password unencrypted; use SASL_SSL"


def _unused(settings: Settings) -> Iterator[str]:
    if not settings.sources:
        yield "sources: none, so there is nothing to ingest; name the topics of upstream events"
    if not settings.audiences:
        yield "audiences: none, so every event becomes a dead letter; name where each goes"
        return
    used = {lane.destination for lane in lanes(settings)}
    for name in settings.destinations:
        if name not in used:
            yield f"destinations.{name}: no audience goes there; name it under audiences"


def _keys(settings: Settings) -> Iterator[str]:
    """What is known of keys: of a topic that is keyed otherwise, a member's order is lost."""
    for place, source in enumerate(settings.sources):
        if source.format != "native":
            yield f"sources[{place}]: format {source.format}: {KEYS[source.format]}"


def _destination(destination: AmazonAdsSettings) -> Iterator[str]:
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
            f"hourly_cap: {share:.1%} of {destination.hourly_cap} is kept back for bursts and "
            f"requests in flight ({reserve} records), so that much is never used; lower "
            "batch.max_records or max_in_flight to stay under 0.8%"
        )
    tolerated = 2 * destination.in_flight_records() / destination.pace().rate
    if destination.cap_window_seconds < PARTNER_WINDOW_SECONDS:
        yield (
            f"cap_window_seconds: {destination.cap_window_seconds:g} is shorter than the partner's "
            "hour, in which hourly_cap can pass many times; for tests only"
        )
    elif destination.late_seconds > tolerated:
        yield (
            f"late_seconds: {destination.late_seconds:g} is longer than the {tolerated:.1f} s for "
            "which the cap allows requests that were given up to arrive, if all of them do; raise "
            "max_in_flight, or lower late_seconds if the partner is quicker"
        )
    for key, url in (
        ("api_url", destination.api_base()),
        ("token_url", destination.token_endpoint()),
    ):
        if urlsplit(url).scheme == "http" and not _is_local(urlsplit(url).hostname or ""):
            yield f"{key}: {url!r} sends secrets and tokens unencrypted; use https"


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
