"""Warnings of `check`: settings that are valid, but may not be what the user meant."""

from collections.abc import Iterator

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import targets_at
from pipeline.configuration.secret_files import open_to_all
from pipeline.configuration.targets import placed_targets
from pipeline.destinations.contract import Partners
from pipeline.sources.formats import FORMATS


def advice(settings: Settings, partners: Partners) -> list[str]:
    """A line for each warning, beginning with the key; empty without warnings."""
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
            "older change of a member can be sent again after a newer one; set it to true unless "
            "the brokers have no transactions"
        )
    if settings.kafka.instance_id is not None:
        yield (
            f"kafka.instance_id: {settings.kafka.instance_id!r}, so the platform must guarantee "
            "one process per identity: two processes would own the same lanes, and each would "
            "count the cap alone; use it only with a StatefulSet, otherwise set it to null"
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
            "upload; add the audiences and their destinations"
        )
        return
    used = {placed.target.destination for placed in placed_targets(settings.audiences)}
    for name in settings.destinations:
        if name not in used:
            yield f"destinations.{name}: no audience goes there; add it to an entry of audiences"


def _keys(settings: Settings) -> Iterator[str]:
    """How each topic must be keyed: with other keys, the order of a member's events is lost."""
    for place, source in enumerate(settings.sources):
        if source.format != "native":
            yield f"sources[{place}]: format {source.format}: {FORMATS[source.format].keys}"


def _names_in_two_cases(settings: Settings) -> Iterator[str]:
    """Names that differ only in letter case: they are different audiences."""
    spellings: dict[str, tuple[int, str]] = {}
    for row, one in enumerate(settings.audiences):
        for name in (one.audience, *one.upstream):
            first, other = spellings.setdefault(name.casefold(), (row, name))
            if first != row and other != name:
                yield (
                    f"audiences[{row}]: {name!r} differs from {other!r} of audiences[{first}] only "
                    "in letter case, so they are two audiences; if they are meant to be one, list "
                    "the second name under `upstream` of the first"
                )
