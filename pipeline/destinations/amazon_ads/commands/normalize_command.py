"""`normalize`: how one value gets its hash, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pipeline.destinations.amazon_ads.explain import UnknownField, explained
from pipeline.destinations.control import Block, Command, InvalidRequest, Parameter


@dataclass(frozen=True, slots=True)
class NormalizingStep:
    """One step of normalising, and the value after it; its repr shows none of it."""

    step: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizedValue:
    """What became of one value on its way to the partner; its repr shows none of it."""

    name: str
    """The field as the partner calls it."""
    country: str | None
    steps: tuple[NormalizingStep, ...]
    sha256: str | None = field(repr=False)
    omitted_because: str | None


async def normalize(
    *,
    field: Annotated[str, Parameter(is_argument=True, help="email, phone, first_name, city, …")],
    value: Annotated[str, Parameter(is_argument=True, is_asked_for=True)],
    country: Annotated[str | None, Parameter(help="The member's, two letters.")] = None,
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
