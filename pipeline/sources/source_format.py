"""What a format of upstream events is: everything that the program knows of one, in one record.

A new one is a module that reads it and ends in its record, and its name in `formats.py`: then a
source can have it. Tests ask for more where it `is_shown`.
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
        """Categories of the event's consent that stand for a signal."""

    @property
    def table(self) -> TableSettings | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFormat:
    """One format, by the name that `sources` takes."""

    name: str
    keys: str
    """What is known of the keys that the platform writes, for whoever sets its topic up:
    everything about one member has to be in one partition."""
    parts: Callable[[FormatOptions], Parts] | None
    """None for the two that are not read by parts of their own."""
    names_audience: bool = True
    """Whether its events say which audience they are about."""
    has_consent: bool = False
    """Whether its events carry consent by category, for `event_consent`."""
    needs: tuple[str, ...] = ()
    """Entries of `mapping` that it cannot do without."""
    has_payload: bool = False
    """Whether the value may be wrapped as Kafka Connect does it, without saying so."""
    is_shown: bool = False
    """Whether whoever has no configuration yet is shown it: it has a page in docs/sources, first
    files in operations/sources/starts, and the sandbox writes it (`sandbox/event_formats.py`)."""
