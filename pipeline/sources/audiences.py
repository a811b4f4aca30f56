"""Finds our audience for a name that upstream uses."""

from collections.abc import Mapping
from typing import Final

from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.typed import text_of

UNKNOWN: Final = Ignored("unknown_audience")
NOT_CONFIGURED: Final = (
    "no audience of this name is configured; "
    "add it under audiences, or to the upstream names of one"
)
_LONGEST_SHOWN: Final = 200


class AudienceNames:
    """Finds the audience of an event, by its configured name or an upstream name."""

    __slots__ = ("known",)

    def __init__(self, known: Mapping[str, str]) -> None:
        """`known` has the configured name for every name, also for the configured names."""
        self.known = known

    def ours(self, written: object) -> str | None:
        """The configured name, or None. Of several names of one audience, one must be known."""
        if type(written) is tuple:
            return next((ours for ours in map(self.ours, written) if ours is not None), None)
        text = text_of(written)
        return self.known.get(text) if isinstance(text, str) else None


def refused(written: object, place: str) -> Rejected:
    """The rejection of an event whose audience is not configured."""
    shown = written[0] if type(written) is tuple and written else written
    text = text_of(shown)
    if text is None:
        return Rejected("malformed", f"{place}: has no value")
    if not isinstance(text, str):
        return Rejected("malformed", f"{place}: must be text or a whole number")
    return unknown(text)


def unknown(name: str) -> Rejected:
    """The rejection of an unknown name of an audience."""
    return Rejected("unknown_audience", NOT_CONFIGURED, repr(name[:_LONGEST_SHOWN]))
