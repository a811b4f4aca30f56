"""Whether a member's consent lets us add them, and which signal says so.

Amazon takes one of three signals: a TCF string, a GPP string, or its own two flags, in that
order of precedence, and rejects records whose consent is denied
(source: Amazon Marketing Cloud, consent management).
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from pipeline.domain.reasons import Withheld

# Well-formed, not decoded: a TCF string is version 2 (its first six bits, "C") with room for the
# two dates that follow; a GPP string is a type 3 header ("DB") with at least one section. What
# they grant is for the partner to judge, who knows its own vendor id.
_TCF: Final = re.compile(r"C[A-Za-z0-9_-]{12,}(?:\.[A-Za-z0-9_-]+)*")
_GPP: Final = re.compile(r"DB[A-Za-z0-9_-]+(?:~[A-Za-z0-9_.-]+)+")
_FLAGS: Final = ("ad_storage", "user_data")

_MISSING: Final = Withheld("consent_missing")
_DENIED: Final = Withheld("consent_denied")

SignalKind: TypeAlias = Literal["tcf", "gpp", "amazon"]


class Signal(NamedTuple):
    """One valid signal that the member consented."""

    kind: SignalKind
    text: str
    """The TCF or GPP string; empty for Amazon's flags, which are then both granted."""

    def __repr__(self) -> str:
        """Name the kind only: the string identifies a person's choices."""
        return f"<Signal {self.kind}>"


def judged(consent: Mapping[str, object] | None, *, required: bool) -> Signal | Withheld | None:
    """The signal to send with an add, None to send none, or why it must not be sent.

    A denial by either of Amazon's flags withholds whatever else the event says and wherever the
    member lives. With `required` one valid signal must be there; a value spelled in an unknown
    way counts as missing, neither as granted nor as denied.

    >>> judged({"amazon": {"ad_storage": "granted", "user_data": "GRANTED"}}, required=True)
    <Signal amazon>
    >>> judged({"amazon": {"ad_storage": "GRANTED"}}, required=True)
    Withheld(reason='consent_missing')
    """
    if consent:
        flags = _flags(consent.get("amazon"))
        if "DENIED" in flags:
            return _DENIED
        signal = _first_valid(consent, flags)
        if signal is not None:
            return signal
    return _MISSING if required else None


def _first_valid(consent: Mapping[str, object], flags: tuple[str, str]) -> Signal | None:
    tcf = consent.get("tcf")
    if isinstance(tcf, str) and _TCF.fullmatch(tcf := tcf.strip()):
        return Signal("tcf", tcf)
    gpp = consent.get("gpp")
    if isinstance(gpp, str) and _GPP.fullmatch(gpp := gpp.strip()):
        return Signal("gpp", gpp)
    return Signal("amazon", "") if flags == ("GRANTED", "GRANTED") else None


def _flags(amazon: object) -> tuple[str, str]:
    if not isinstance(amazon, Mapping):
        return ("", "")
    first, second = (amazon.get(name) for name in _FLAGS)
    return (_spelled(first), _spelled(second))


def _spelled(flag: object) -> str:
    return flag.strip().upper() if isinstance(flag, str) else ""
