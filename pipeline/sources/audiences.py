"""The names that upstreams give to our audiences."""

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
    """Which of our audiences an event means, under our name of it or one of upstream's."""

    __slots__ = ("known",)

    def __init__(self, known: Mapping[str, str]) -> None:
        """Our name by every name: our own ones too."""
        self.known = known

    def ours(self, written: object) -> str | None:
        """Our name, or None. Of several names that one audience goes by, one must be known."""
        if type(written) is tuple:
            return next((ours for ours in map(self.ours, written) if ours is not None), None)
        text = text_of(written)
        return self.known.get(text) if isinstance(text, str) else None


def refused(written: object, place: str) -> Rejected:
    """Why an event's audience is none of ours."""
    shown = written[0] if type(written) is tuple and written else written
    text = text_of(shown)
    if text is None:
        return Rejected("malformed", f"{place}: has no value")
    if not isinstance(text, str):
        return Rejected("malformed", f"{place}: must be text or a whole number")
    return unknown(text)


def unknown(name: str) -> Rejected:
    """No audience goes by this name, whoever finds that out."""
    return Rejected("unknown_audience", NOT_CONFIGURED, repr(name[:_LONGEST_SHOWN]))
