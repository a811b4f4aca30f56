"""A first configuration, with a comment at each key that somebody must think about."""

from pipeline.destinations.contract import Partners
from pipeline.destinations.registry import PARTNERS
from pipeline.operations.trouble import UsageRefused

HEAD = """\
# A first configuration. `audience-pipeline check --config FILE` says what is missing, and with
# --online whether the brokers and the partner agree. Every key can be overridden by a variable:
# AUDIENCE_PIPELINE__KAFKA__BOOTSTRAP_SERVERS=kafka-1:9092

kafka:
  bootstrap_servers: localhost:9092   # host:port, several with commas
  namespace: audience                 # the first part of the names of our topics and groups
  exactly_once: true                  # false only for brokers without transactions
  # security_protocol: SASL_SSL       # PLAINTEXT | SSL | SASL_PLAINTEXT | SASL_SSL
  # sasl: {mechanism: SCRAM-SHA-512, username: audience-pipeline, password_file: secrets/kafka}

sources:
  - topic: cdp.membership             # keyed by member, or the order per member cannot be kept
    start: earliest                   # earliest | latest, for the very first start only

"""
TAIL = """
admin: {host: 0.0.0.0, port: 9464}    # /metrics, /healthz, /readyz and /status; no authentication
dead_letters: {payload: original}     # reference: no personal data in our topics
logging: {level: info, format: json}  # console is for people
"""


def starting_configuration(kind: str, partners: Partners = PARTNERS) -> str:
    """The file for one kind of partner.

    Raises:
        UsageRefused: there is no such kind, or it has none.
    """
    known = kinds(partners)
    if kind not in known:
        raise UsageRefused(f"--kind: no partner {kind!r}; there are {', '.join(known)}")
    return HEAD + partners[kind].starting_configuration + TAIL


def kinds(partners: Partners = PARTNERS) -> tuple[str, ...]:
    """The kinds of partners that there is a first configuration for."""
    return tuple(kind for kind, one in partners.items() if one.starting_configuration)
