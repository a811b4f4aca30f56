"""Writes a first configuration, with a comment at each key that needs a decision."""

from pipeline.destinations.contract import Partners
from pipeline.destinations.registry import PARTNERS
from pipeline.operations.trouble import UsageRefused

HEAD = """\
# A first configuration. `audience-pipeline check --config FILE` shows what is missing; --online
# also checks the brokers and the partner. An environment variable can override each key, such as
# AUDIENCE_PIPELINE__KAFKA__BOOTSTRAP_SERVERS=kafka-1:9092

kafka:
  bootstrap_servers: localhost:9092   # host:port, several with commas
  namespace: audience                 # the first part of the names of our topics and groups
  exactly_once: true                  # false only for brokers without transactions
  # security_protocol: SASL_SSL       # PLAINTEXT | SSL | SASL_PLAINTEXT | SASL_SSL
  # sasl: {mechanism: SCRAM-SHA-512, username: audience-pipeline, password_file: secrets/kafka}

sources:
  - topic: cdp.membership             # keyed by member; otherwise the order per member is lost
    start: earliest                   # earliest | latest, for the very first start only

"""
TAIL = """
admin: {host: 0.0.0.0, port: 9464}    # /metrics, /healthz, /readyz and /status; no authentication
dead_letters: {payload: original}     # reference: no personal data in our topics
logging: {level: info, format: json}  # console is for people
"""


def starting_configuration(kind: str, partners: Partners = PARTNERS) -> str:
    """The text of a first configuration for one kind of partner.

    Raises:
        UsageRefused: there is no such kind, or no first configuration for it.
    """
    known = kinds(partners)
    if kind not in known:
        raise UsageRefused(f"--kind: no partner {kind!r}; there are {', '.join(known)}")
    return HEAD + partners[kind].starting_configuration + TAIL


def kinds(partners: Partners = PARTNERS) -> tuple[str, ...]:
    """The kinds of partners for which there is a first configuration."""
    return tuple(kind for kind, one in partners.items() if one.starting_configuration)
