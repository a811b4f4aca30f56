"""The sections of a first configuration for Amazon Ads."""

from pipeline.destinations.contract import StartingDestination

STARTING_CONFIGURATION = """\
destinations:
  amazon-na:                          # a name that you choose, for lanes, topics and metrics
    kind: amazon_ads
    region: NA                        # NA | EU | FE: the region of the DSP advertiser account
    client_id: amzn1.application-oa2-client.example
    client_secret_file: secrets/client-secret      # relative to this file; read again on rotation
    refresh_token_file: secrets/refresh-token
    # country: US                     # for members whose event names none

audiences:
  - audience: vip-customers           # the name that upstream events use
    destinations:
      - destination: amazon-na
        connection_id: 5a523424-8f0c-4c55-9a2b-0d7f4c1e6b90   # from `connections list`
        target_types: [DSP]           # without it: only to Amazon Marketing Cloud
        # audience_id: 413642381039213536         # without it, `audiences apply` creates one
"""

STARTING_DESTINATION = StartingDestination(
    name="amazon-na",
    sections="""\
    destinations:
      - destination: amazon-na
        audience_id: 347891                 # the partner's id
        connection_id: 5a523424-8f0c-4c55-9a2b-0d7f4c1e6b90
        country: US                         # for members whose event names none

destinations:
  amazon-na:
    kind: amazon_ads
    region: NA
    client_id: amzn1.application-oa2-client.example
    client_secret_file: secrets/client-secret
    refresh_token_file: secrets/refresh-token
""",
)
