"""All that the operations need of Amazon Ads."""

from pipeline.destinations.amazon_ads.commands.all_commands import COMMANDS
from pipeline.destinations.amazon_ads.control_plane import AmazonControlPlane, AudienceTarget
from pipeline.destinations.amazon_ads.online_check import check_online
from pipeline.destinations.amazon_ads.rendering import hashed_id
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.control import PartnerControl


def member_id(settings: AmazonAdsSettings, member: str) -> str:
    """The id that the partner knows a member by, of upstream's own."""
    return hashed_id(member) if settings.external_user_id == "sha256" else member


AMAZON_CONTROL: PartnerControl[AmazonAdsSettings, AudienceTarget] = PartnerControl(
    commands=COMMANDS,
    control=AmazonControlPlane,
    check_online=check_online,
    member_id=member_id,
)
