"""All that the operations need of Amazon Ads."""

from pipeline.destinations.amazon_ads.commands.all_commands import COMMANDS
from pipeline.destinations.amazon_ads.control_plane import AmazonControlPlane, AudienceTarget
from pipeline.destinations.amazon_ads.online_check import check_online
from pipeline.destinations.amazon_ads.rendering import hashed_id
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.control import PartnerControl

STARTING_CONFIGURATION = """\
destinations:
  amazon-na:                          # a name of your own; lanes, topics and metrics carry it
    kind: amazon_ads
    region: NA                        # NA | EU | FE: that of the DSP advertiser account
    client_id: amzn1.application-oa2-client.example
    client_secret_file: secrets/client-secret      # relative to this file; read again on rotation
    refresh_token_file: secrets/refresh-token
    # country: US                     # of members whose event names none

audiences:
  - audience: vip-customers           # the name that upstream events use
    destinations:
      - destination: amazon-na
        connection_id: 5a523424-8f0c-4c55-9a2b-0d7f4c1e6b90   # of `connections list`
        target_types: [DSP]           # left out: to Amazon Marketing Cloud alone
        # audience_id: 413642381039213536         # left out: `audiences apply` makes it
"""


def member_id(settings: AmazonAdsSettings, member: str) -> str:
    """The id that the partner knows a member by, of upstream's own."""
    return hashed_id(member) if settings.external_user_id == "sha256" else member


AMAZON_CONTROL: PartnerControl[AmazonAdsSettings, AudienceTarget] = PartnerControl(
    commands=COMMANDS,
    control=AmazonControlPlane,
    check_online=check_online,
    member_id=member_id,
    starting_configuration=STARTING_CONFIGURATION,
)
