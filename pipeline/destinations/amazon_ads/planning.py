"""Decides without I/O which steps bring an audience to the configuration."""

from dataclasses import dataclass

from pipeline.destinations.amazon_ads.audiences import (
    LONGEST_TTL_SECONDS,
    Audience,
    AudienceUpdate,
    NewAudience,
)
from pipeline.destinations.control import Creation, Difference, Step

Value = int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredAudience:
    """One audience as configured; None leaves the partner's value unchanged."""

    name: str | None = None
    external_audience_id: str | None = None
    description: str | None = None
    ttl: int | None = None
    """Seconds that a member stays."""
    connection_id: str | None = None
    advertiser_id: int | None = None
    country_code: str | None = None
    """Used only at creation, because the configured name may change later."""
    upstream_name: str
    """The default of name and external id."""

    def new(self) -> NewAudience:
        """The audience to create.

        Raises:
            InvalidRequest: the partner would refuse it.
        """
        return NewAudience(
            name=self.name or self.upstream_name,
            external_audience_id=self.external_audience_id or self.upstream_name,
            description=self.description or "",
            ttl=self.ttl,
            connection_id=self.connection_id,
            advertiser_id=self.advertiser_id,
            country_code=self.country_code,
        )


def creation(desired: DesiredAudience) -> Step:
    """The step that creates the audience.

    Raises:
        InvalidRequest: the partner would refuse it.
    """
    new = desired.new()
    keys = {
        "name": new.name,
        "external_audience_id": new.external_audience_id,
        "description": new.description or None,
        "ttl_seconds": new.ttl,
        "country": new.country_code,
    }
    creates = Creation(
        name=new.name,
        external_id=new.external_audience_id,
        keys={key: said for key, said in keys.items() if said is not None},
        request=new,
    )
    return Step(what="create", creates=creates, hides_members=new.ttl == 0)


def steps(desired: DesiredAudience, audience_id: int, audience: Audience) -> tuple[Step, ...]:
    """All steps for an existing audience; at least one, which may only report."""
    fixed = _fixed_differences(desired, audience)
    changeable = _changeable_differences(desired, audience)
    found: list[Step] = []
    if fixed:
        found.append(Step(what="fixed", audience_id=str(audience_id), differences=fixed))
    if changeable:
        hides = any(map(_hides_members, changeable))
        found.append(
            Step(
                what="update",
                audience_id=str(audience_id),
                differences=changeable,
                hides_members=hides,
            )
        )
    return tuple(found) or (Step(what="keep", audience_id=str(audience_id)),)


def update_of(step: Step) -> AudienceUpdate:
    """An update with only the values that differ."""
    desired = {difference.key: difference.desired for difference in step.differences}
    description, ttl = desired.get("description"), desired.get("ttl_seconds")
    return AudienceUpdate(
        description=description if isinstance(description, str) else None,
        ttl=ttl if isinstance(ttl, int) else None,
    )


def _hides_members(difference: Difference) -> bool:
    """Whether this change hides some or all members."""
    return (
        difference.key == "ttl_seconds"
        and isinstance(difference.desired, int)
        and difference.desired < _seconds(difference.standing)
    )


def _fixed_differences(desired: DesiredAudience, audience: Audience) -> tuple[Difference, ...]:
    # A value that is missing in the partner's answer cannot be compared.
    pairs: tuple[tuple[str, Value, Value], ...] = (
        ("name", audience.name, desired.name),
        ("external_audience_id", audience.external_audience_id, desired.external_audience_id),
        ("advertiser_id", audience.advertiser_id, desired.advertiser_id),
    )
    return tuple(
        Difference(key, standing, meant)
        for key, standing, meant in pairs
        if None not in (standing, meant) and standing != meant
    )


def _changeable_differences(desired: DesiredAudience, audience: Audience) -> tuple[Difference, ...]:
    found: list[Difference] = []
    if desired.description is not None and desired.description != (audience.description or ""):
        found.append(Difference("description", audience.description, desired.description))
    if desired.ttl is not None and desired.ttl != _seconds(audience.ttl):
        found.append(Difference("ttl_seconds", audience.ttl, desired.ttl))
    return tuple(found)


def _seconds(ttl: object) -> float:
    """Seconds that members stay; the partner's default if it names none."""
    return ttl if isinstance(ttl, int | float) else LONGEST_TTL_SECONDS
