"""What a destination at Adobe may say and may not mean: said by `check`, refused by nobody."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from pipeline.destinations.adobe_audiences.budget import too_slow
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget


def advice(settings: AdobeSettings, targets: Sequence[AdobeTarget]) -> Iterator[str]:
    """A line for each, beginning with its key."""
    yield from too_slow(settings, targets)
    yield from _of_addresses(settings)
    if not settings.org_id.endswith("@AdobeOrg"):
        yield (
            f"org_id: {settings.org_id!r} does not look like an organisation of Adobe, such as "
            "'0123456789ABCDEF01234567@AdobeOrg'"
        )
    if settings.consent.amazon_flags == "count":
        yield (
            "consent.amazon_flags: count, so consent that was given for Amazon is taken for "
            "consent to Adobe; make sure that what people agreed to says so"
        )


def _of_addresses(settings: AdobeSettings) -> Iterator[str]:
    for key, url in (("api_url", settings.api_base()), ("token_url", settings.token_endpoint())):
        if urlsplit(url).scheme == "http" and not _is_local(urlsplit(url).hostname or ""):
            yield f"{key}: {url!r} sends secrets and tokens unencrypted; use https"


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
