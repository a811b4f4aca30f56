"""What is allowed and may not be meant: said by `check`, refused by nobody."""

from collections.abc import Iterator

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import targets_at
from pipeline.configuration.secret_files import open_to_all
from pipeline.configuration.targets import placed_targets
from pipeline.destinations.contract import Partners
from pipeline.sources.formats import FORMATS


def advice(settings: Settings, partners: Partners) -> list[str]:
    """A line for each, beginning with the key; empty for a configuration without surprises."""
    lines = [
        *_kafka(settings),
        *_unused(settings),
        *_keys(settings),
        *_names_in_two_cases(settings),
        *open_to_all(settings),
    ]
    for name, destination in settings.destinations.items():
        targets = targets_at(settings, name)
        advised = partners[destination.kind].advice(destination, targets)
        lines.extend(f"destinations.{name}.{line}" for line in advised)
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
        yield (
            "sources: none, so there is nothing to ingest, and `run` refuses that stage; name the "
            "topics of upstream events"
        )
    if not settings.audiences:
        yield (
            "audiences: none, so every event becomes a dead letter, and `run` refuses ingest and "
            "upload; name where each goes"
        )
        return
    used = {placed.target.destination for placed in placed_targets(settings.audiences)}
    for name in settings.destinations:
        if name not in used:
            yield f"destinations.{name}: no audience goes there; name it under audiences"


def _keys(settings: Settings) -> Iterator[str]:
    """What is known of keys: of a topic that is keyed otherwise, a member's order is lost."""
    for place, source in enumerate(settings.sources):
        if source.format != "native":
            yield f"sources[{place}]: format {source.format}: {FORMATS[source.format].keys}"


def _names_in_two_cases(settings: Settings) -> Iterator[str]:
    """Upstream's names count as they are written: one in another case is another audience."""
    spellings: dict[str, tuple[int, str]] = {}
    for row, one in enumerate(settings.audiences):
        for name in (one.audience, *one.upstream):
            first, other = spellings.setdefault(name.casefold(), (row, name))
            if first != row and other != name:
                yield (
                    f"audiences[{row}]: {name!r} differs from {other!r} of audiences[{first}] only "
                    "in letter case, and an event goes to the one that it spells; put both names "
                    "under one audience (upstream) unless they are two"
                )
