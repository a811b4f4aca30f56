"""What to do so that an audience is as the configuration wants it; decided without any I/O."""

from dataclasses import dataclass

from pipeline.destinations.amazon_ads.audiences import (
    LONGEST_TTL_SECONDS,
    Audience,
    AudienceUpdate,
    NewAudience,
)

Value = int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredAudience:
    """One audience as the configuration wants it; None leaves to the partner what is there."""

    name: str | None = None
    external_audience_id: str | None = None
    description: str | None = None
    ttl: int | None = None
    """Seconds that a member stays."""
    connection_id: str | None = None
    advertiser_id: int | None = None
    country_code: str | None = None
    """Only said when it is made: what the configuration calls so may change later."""
    upstream_name: str
    """What name and external id are where nothing else is desired."""

    def new(self) -> NewAudience:
        """The audience to make.

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


@dataclass(frozen=True, slots=True)
class Unmade:
    """Nobody has asked for it yet."""


@dataclass(frozen=True, slots=True)
class Asked:
    """It was asked for, and nobody knows whether it was made."""

    at: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The partner does not know the id."""

    audience_id: int


@dataclass(frozen=True, slots=True)
class Found:
    """The partner describes it."""

    audience_id: int
    audience: Audience


Standing = Unmade | Asked | Gone | Found


@dataclass(frozen=True, slots=True)
class Difference:
    """A key of the configuration that the partner has otherwise."""

    key: str
    standing: Value
    desired: Value


@dataclass(frozen=True, slots=True)
class Create:
    audience: NewAudience


@dataclass(frozen=True, slots=True)
class Update:
    audience_id: int
    differences: tuple[Difference, ...]

    def request(self) -> AudienceUpdate:
        """What differs, and nothing else."""
        desired = {difference.key: difference.desired for difference in self.differences}
        description, ttl = desired.get("description"), desired.get("ttl_seconds")
        return AudienceUpdate(
            description=description if isinstance(description, str) else None,
            ttl=ttl if isinstance(ttl, int) else None,
        )


@dataclass(frozen=True, slots=True)
class Keep:
    """It is as it is desired."""

    audience_id: int


@dataclass(frozen=True, slots=True)
class Fixed:
    """It differs in what the partner never changes."""

    audience_id: int
    differences: tuple[Difference, ...]


Step = Create | Update | Keep | Fixed | Asked | Gone


def steps(desired: DesiredAudience, standing: Standing) -> tuple[Step, ...]:
    """All that there is to do or to say about one audience; at least one step."""
    match standing:
        case Unmade():
            return (Create(desired.new()),)
        case Asked() | Gone():
            return (standing,)
        case Found(audience_id, audience):
            fixed = _fixed_differences(desired, audience)
            changeable = _changeable_differences(desired, audience)
            found: list[Step] = [Fixed(audience_id, fixed)] if fixed else []
            if changeable:
                found.append(Update(audience_id, changeable))
            return tuple(found) or (Keep(audience_id),)


def hides_members(step: Step) -> bool:
    """Whether members of the audience are seen no more, some at least, once it is done."""
    match step:
        case Create(audience):
            return audience.ttl == 0
        case Update(_, differences):
            return any(
                difference.key == "ttl_seconds"
                and isinstance(difference.desired, int)
                and difference.desired < _seconds(difference.standing)
                for difference in differences
            )
        case _:
            return False


def id_of(step: Step) -> int | None:
    """The audience that a step is about; None where none is known."""
    return None if isinstance(step, Create | Asked) else step.audience_id


def _fixed_differences(desired: DesiredAudience, audience: Audience) -> tuple[Difference, ...]:
    # What the partner leaves out of its answer nobody can compare.
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


def _seconds(ttl: Value) -> float:
    """How long members stay; the partner's default where it names no time."""
    return ttl if isinstance(ttl, int | float) else LONGEST_TTL_SECONDS
