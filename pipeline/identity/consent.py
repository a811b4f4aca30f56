"""Whether a member's consent lets us add them, and which signal says so.

A partner takes one of three signals: a TC string, a GPP string, or Amazon's own two flags, in
that order of precedence (source: Amazon Marketing Cloud, consent management). The strings are
decoded and judged here: one that says no is a no, and a word that looks like a string, or a
string that was cut short, is no signal at all.

Whoever said no is not added, whatever else the event says:

* one of the flags is DENIED;
* a TC string, alone or as a GPP string's section for Europe, does not grant what is needed;
* a GPP string says that a member of the United States opted out of sale, sharing or targeted
  advertising. Sections of other regions say nothing of a member.
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
    """What a TC string must grant, as a partner has it."""

    vendor: int
    """The partner's number in the IAB's list of vendors."""
    purposes: tuple[int, ...]
    """Numbers, 1 to 24, of the IAB's purposes; each needs consent, legitimate interest is none."""
    judge: bool = True
    """Else every string that decodes counts as granted, and the partner judges."""


class Residence(NamedTuple):
    """What a member's country means for consent."""

    needs_signal: bool
    """Without a valid signal they are not added."""
    is_united_states: bool | None
    """Whether a GPP string's sections of the United States speak of them; None if unknown."""


class Signal(NamedTuple):
    """One valid signal that the member consented."""

    kind: SignalKind
    text: str
    """The TCF or GPP string; empty for Amazon's flags, which are then both granted."""

    def __repr__(self) -> str:
        """Name the kind only: the string identifies a person's choices."""
        return f"<Signal {self.kind}>"


def judged(
    consent: Mapping[str, object] | None, residence: Residence, needs: ConsentNeeds
) -> Signal | Withheld | None:
    """The signal to send with an add, None to send none, or why it must not be sent.

    Where a signal is needed one valid signal must be there; a value spelled in an unknown way
    counts as missing, neither as granted nor as denied.

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
    """What each kind of signal says, in the order of precedence."""
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
    # Where it is unknown where a member lives, a no of either place is one.
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
