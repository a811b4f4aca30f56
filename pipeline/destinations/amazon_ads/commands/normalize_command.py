"""The command `normalize`: shows step by step how one value gets its hash."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pipeline.destinations.amazon_ads.explain import UnknownField, explained
from pipeline.destinations.control import Block, Command, InvalidRequest, Parameter


@dataclass(frozen=True, slots=True)
class NormalizingStep:
    """One step of normalising, and the value after it; the repr does not show the value."""

    step: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizedValue:
    """All steps of one value on its way to the partner; the repr does not show the value."""

    name: str
    """The partner's name of the field."""
    country: str | None
    steps: tuple[NormalizingStep, ...]
    sha256: str | None = field(repr=False)
    omitted_because: str | None


async def normalize(
    *,
    field: Annotated[str, Parameter(is_argument=True, help="email, phone, first_name, city, …")],
    value: Annotated[str, Parameter(is_argument=True, is_asked_for=True)],
    country: Annotated[str | None, Parameter(help="The member's country, two letters.")] = None,
) -> NormalizedValue:
    """Show how a value is normalised and hashed for Amazon Ads."""
    try:
        found = explained(field, value, country)
    except UnknownField as error:
        raise InvalidRequest(str(error)) from None
    return NormalizedValue(
        name=found.name,
        country=found.country,
        steps=tuple(NormalizingStep(step, after) for step, after in found.steps),
        sha256=found.sha256,
        omitted_because=found.omitted_because,
    )


def _shown(found: NormalizedValue) -> Sequence[Block]:
    steps = {one.step: one.value or "(nothing is left)" for one in found.steps}
    return [steps | {found.name: found.sha256 or f"left out: {found.omitted_because}"}]


NORMALIZE = Command(group=None, name="normalize", run=normalize, shown=_shown, is_offline=True)
