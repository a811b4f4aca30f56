"""The record of a format of upstream events; it has everything that the program knows of a format.

A new format is a module that reads it and ends with its record, and an entry in `formats.py`. Tests
need more for a format that `is_shown`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from pipeline.sources.mapping_settings import TableSettings
from pipeline.sources.parts import Parts


class FormatOptions(Protocol):
    """The keys of a source that its format may read."""

    @property
    def event_consent(self) -> Iterable[str]:
        """The consent categories of the event that become a signal."""

    @property
    def table(self) -> TableSettings | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFormat:
    """One format; `sources` uses its name."""

    name: str
    keys: str
    """Advice on the keys that the platform writes, for the person who sets up the topic: all events
    of a member must be in one partition."""
    parts: Callable[[FormatOptions], Parts] | None
    """Makes the parts of an event; None for the two formats that are read in another way."""
    names_audience: bool = True
    """Whether its events name their audience."""
    has_consent: bool = False
    """Whether its events have consent by category, for `event_consent`."""
    needs: tuple[str, ...] = ()
    """Entries of `mapping` that the format needs."""
    has_payload: bool = False
    """Whether Kafka Connect's wrapper is also removed without a setting."""
    is_shown: bool = False
    """Whether new users see this format: it has a page in docs/sources and first files in
    operations/sources/starts, and the sandbox writes it (`sandbox/event_formats.py`)."""
