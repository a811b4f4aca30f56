"""The settings of an Amazon destination and of its targets, as the types that they have."""

from pipeline.configuration.model import Settings
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.amazon_ads.targets import AmazonTarget


def amazon(settings: Settings, name: str = "amazon-na") -> AmazonAdsSettings:
    destination = settings.destinations[name]
    assert isinstance(destination, AmazonAdsSettings)
    return destination


def targets(settings: Settings) -> list[AmazonTarget]:
    """Every target, in the order of the file."""
    found = [target for audience in settings.audiences for target in audience.destinations]
    amazon_targets = [target for target in found if isinstance(target, AmazonTarget)]
    assert len(amazon_targets) == len(found)
    return amazon_targets
