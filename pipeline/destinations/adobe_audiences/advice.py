"""Warnings about settings of a destination at Adobe that are valid, but may not be meant."""

from collections.abc import Iterator, Sequence

from pipeline.destinations.addresses import unencrypted
from pipeline.destinations.adobe_audiences.budget import too_slow
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget


def advice(settings: AdobeSettings, targets: Sequence[AdobeTarget]) -> Iterator[str]:
    """A line for each warning, beginning with its key."""
    yield from too_slow(settings, targets)
    yield from unencrypted(api_url=settings.api_base(), token_url=settings.token_endpoint())
    if not settings.org_id.endswith("@AdobeOrg"):
        yield (
            f"org_id: {settings.org_id!r} does not look like an organisation of Adobe, such as "
            "'0123456789ABCDEF01234567@AdobeOrg'"
        )
    if settings.consent.amazon_flags == "count":
        yield (
            "consent.amazon_flags: count, so consent for Amazon also counts as consent for "
            "Adobe; make sure that people agreed to this"
        )
