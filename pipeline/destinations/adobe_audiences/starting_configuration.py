"""The sections of a first configuration for Adobe."""

from pipeline.destinations.contract import StartingDestination

STARTING_CONFIGURATION = """\
destinations:
  adobe-prod:                         # a name that you choose, for topics and metrics
    kind: adobe_external_audiences
    org_id: 0123456789ABCDEF01234567@AdobeOrg
    sandbox: prod
    client_id: 0123456789abcdef0123456789abcdef
    client_secret_file: secrets/client-secret      # relative to this file; read again on rotation
    storage: {kind: landing_zone}     # or s3, gcs, azure_blob, sftp: see docs/adobe.md

audiences:
  - audience: vip-customers           # the name that upstream events use
    destinations:
      - destination: adobe-prod
        identity: {namespace: email_lc_sha256, from: email}
        ttl_days: 30                  # days without a good run until all members leave
        # external_audience_id: …     # without it, `audiences apply` creates one
"""

STARTING_DESTINATION = StartingDestination(
    name="adobe-prod",
    sections="""\
    destinations:
      - destination: adobe-prod
        external_audience_id: 60ccea95-1435-4180-97a5-58af4aa285ab   # the partner's id
        identity: {namespace: email_lc_sha256, from: email}

destinations:
  adobe-prod:
    kind: adobe_external_audiences
    org_id: 0123456789ABCDEF01234567@AdobeOrg
    client_id: 0123456789abcdef0123456789abcdef
    client_secret_file: secrets/client-secret
    storage: {kind: landing_zone}
""",
)
