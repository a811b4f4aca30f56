"""Decides from a member's consent whether we may add them, and which signal to send.

A partner takes one of three signals: a TC string, a GPP string, or Amazon's own two flags, in
this order of precedence (source: Amazon Marketing Cloud, consent management). This module decodes
and judges the strings. A string that denies consent is a denial. Text that only looks like a
string, or a string that was cut short, is no signal.

A denial always stops an add, whatever else the event has:

* one of the flags is DENIED;
* a TC string, alone or as a GPP string's section for Europe, does not grant what is needed;
* a GPP string has an opt-out of sale, sharing or targeted advertising for a member of the United
  States. Sections of other regions do not count.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from pipeline.domain.reasons import Withheld
from pipeline.identity import gpp_string, tc_string
from pipeline.identity.gpp_string import EUROPE

_FLAGS: Final = ("ad_storage", "user_data")

_MISSING: Final = Withheld("consent_missing")
_DENIED: Final = Withheld("consent_denied")

SignalKind: TypeAlias = Literal["tcf", "gpp", "amazon"]
_Verdict: TypeAlias = Literal["granted", "denied", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentNeeds:
    """The consent that a partner needs from a TC string."""

    vendor: int
    """The partner's number in the IAB's list of vendors."""
    purposes: tuple[int, ...]
    """The IAB's purposes, 1 to 24; each needs consent, and legitimate interest is not enough."""
    judge: bool = True
    """Whether we judge the string; otherwise every valid string counts, and the partner judges."""


class Residence(NamedTuple):
    """The effect of a member's country on consent."""

    needs_signal: bool
    """Whether a member is added only with a valid signal."""
    is_united_states: bool | None
    """Whether a GPP string's sections of the United States apply; None if unknown."""


class Signal(NamedTuple):
    """One valid signal of the member's consent."""

    kind: SignalKind
    text: str
    """The TCF or GPP string; empty for Amazon's flags, of which both are granted."""

    def __repr__(self) -> str:
        """Name the kind only: the string identifies a person's choices."""
        return f"<Signal {self.kind}>"


def judged(
    consent: Mapping[str, object] | None, residence: Residence, needs: ConsentNeeds
) -> Signal | Withheld | None:
    """The signal to send with an add, None for no signal, or why the add must not be sent.

    If a signal is needed, at least one must be valid. A value in an unknown spelling counts as
    missing, not as granted or denied.

    >>> europe = Residence(needs_signal=True, is_united_states=False)
    >>> needs = ConsentNeeds(vendor=793, purposes=(1, 3, 4))
    >>> judged({"amazon": {"ad_storage": "granted", "user_data": "GRANTED"}}, europe, needs)
    <Signal amazon>
    >>> judged({"amazon": {"ad_storage": "GRANTED"}}, europe, needs)
    Withheld(reason='consent_missing')
    """
    granted = None
    for signal, verdict in _signals(consent, residence, needs) if consent else ():
        if verdict == "denied":
            return _DENIED
        if verdict == "granted" and granted is None:
            granted = signal
    if granted is None and residence.needs_signal:
        return _MISSING
    return granted


def _signals(
    consent: Mapping[str, object], residence: Residence, needs: ConsentNeeds
) -> Iterator[tuple[Signal, _Verdict]]:
    """The verdict of each kind of signal, in the order of precedence."""
    tcf = _text(consent.get("tcf"))
    yield Signal("tcf", tcf), _of_tcf(tcf, needs)
    gpp = _text(consent.get("gpp"))
    yield Signal("gpp", gpp), _of_gpp(gpp, residence, needs)
    yield Signal("amazon", ""), _of_flags(consent.get("amazon"))


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _of_tcf(text: str, needs: ConsentNeeds) -> _Verdict:
    said = tc_string.decoded(text) if text else None
    if said is None:
        return "nothing"
    if not needs.judge or said.grants(needs.vendor, needs.purposes):
        return "granted"
    return "denied"


def _of_gpp(text: str, residence: Residence, needs: ConsentNeeds) -> _Verdict:
    sections = gpp_string.sections(text) if text else None
    if sections is None:
        return "nothing"
    europe = _of_tcf(sections.get(EUROPE, ""), needs)
    choices = [
        gpp_string.opted_out(number, section)
        for number, section in sections.items()
        if gpp_string.is_of_united_states(number)
    ]
    # If the member's country is unknown, a denial for either region counts.
    if europe == "denied" or (residence.is_united_states is not False and True in choices):
        return "denied"
    if not residence.needs_signal:
        is_whole = None not in choices and (europe != "nothing" or EUROPE not in sections)
        return "granted" if is_whole else "nothing"
    if residence.is_united_states and choices and None not in choices:
        return "granted"
    return europe


def _of_flags(amazon: object) -> _Verdict:
    if not isinstance(amazon, Mapping):
        return "nothing"
    flags = [_text(amazon.get(name)).upper() for name in _FLAGS]
    if "DENIED" in flags:
        return "denied"
    return "granted" if flags == ["GRANTED", "GRANTED"] else "nothing"
