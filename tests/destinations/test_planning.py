"""What is planned makes the audience as it is desired, and then nothing more is planned."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.audiences import Audience, AudienceSize, NewAudience
from pipeline.destinations.amazon_ads.planning import (
    Asked,
    Create,
    DesiredAudience,
    Found,
    Gone,
    Keep,
    Standing,
    Step,
    Unmade,
    Update,
    hides_members,
    steps,
)
from pipeline.destinations.amazon_ads.requests import InvalidRequest

AUDIENCE_ID = 586656241588443054
LONGEST_TTL = 34_300_800
NO_SIZE = AudienceSize(received_records=None, id_resolutions=None, dsp=None)

names = st.none() | st.text(min_size=10, max_size=128)
texts = st.none() | st.text(min_size=1, max_size=20)
descriptions = st.none() | st.text(max_size=20)
ttls = st.none() | st.integers(0, LONGEST_TTL)
wants = st.builds(
    DesiredAudience,
    upstream_name=st.text(min_size=10, max_size=128),
    name=names,
    external_audience_id=texts,
    description=descriptions,
    ttl=ttls,
    connection_id=st.just("connection"),
    advertiser_id=st.none(),
    country_code=st.sampled_from([None, "US"]),
)
audiences = st.builds(
    Audience,
    audience_id=st.just(AUDIENCE_ID),
    name=names,
    description=descriptions,
    external_audience_id=texts,
    advertiser_id=st.none() | st.integers(1, 5),
    country_code=st.none(),
    ttl=ttls,
    fees=st.just(()),
    size=st.just(NO_SIZE),
)
standings = st.one_of(
    st.just(Unmade()),
    st.just(Asked("2026-11-25T10:00:00Z")),
    st.just(Gone(AUDIENCE_ID)),
    st.builds(Found, st.just(AUDIENCE_ID), audiences),
)


def audience(**said: Any) -> Audience:
    nothing: dict[str, Any] = dict.fromkeys(
        ("name", "description", "external_audience_id", "advertiser_id", "country_code", "ttl")
    )
    return Audience(**{**nothing, "audience_id": AUDIENCE_ID, "fees": (), "size": NO_SIZE, **said})


def found(**said: Any) -> Found:
    return Found(AUDIENCE_ID, audience(**said))


def after(step: Step, standing: Standing) -> Standing:
    """What the partner has once a step is done: a model of it, as the documentation has it."""
    if isinstance(step, Create):
        return made(step.audience)
    if isinstance(step, Update) and isinstance(standing, Found):
        update = step.request().completed(standing.audience)
        changed = replace(standing.audience, description=update.description, ttl=update.ttl)
        return replace(standing, audience=changed)
    return standing


def made(new: NewAudience) -> Found:
    return found(
        name=new.name,
        description=new.description,
        external_audience_id=new.external_audience_id,
        advertiser_id=new.advertiser_id,
        country_code=new.country_code,
        ttl=LONGEST_TTL if new.ttl is None else new.ttl,
    )


@given(wants, standings)
def test_what_was_planned_and_done_leaves_nothing_to_do(
    desired: DesiredAudience, before: Standing
) -> None:
    standing = before
    for step in steps(desired, standing):
        standing = after(step, standing)

    again = steps(desired, standing)

    assert [step for step in again if isinstance(step, Create | Update)] == []


@given(wants, standings)
def test_every_audience_has_a_step(desired: DesiredAudience, standing: Standing) -> None:
    assert steps(desired, standing)


@given(wants, audiences)
def test_what_is_not_wanted_is_not_touched(desired: DesiredAudience, standing: Audience) -> None:
    planned = steps(desired, Found(AUDIENCE_ID, standing))

    updates = [step.request() for step in planned if isinstance(step, Update)]

    assert all(desired.description is not None or one.description is None for one in updates)
    assert all(desired.ttl is not None or one.ttl is None for one in updates)


def test_a_new_audience_goes_by_the_upstream_name_unless_told_otherwise() -> None:
    desired = DesiredAudience(upstream_name="vip-customers", connection_id="c", country_code="US")

    [by_default] = steps(desired, Unmade())
    [told] = steps(
        replace(desired, name="VIP customers", external_audience_id="vip", ttl=60), Unmade()
    )

    assert by_default == Create(
        NewAudience(
            name="vip-customers",
            external_audience_id="vip-customers",
            connection_id="c",
            country_code="US",
        )
    )
    assert told == Create(
        NewAudience(
            name="VIP customers",
            external_audience_id="vip",
            connection_id="c",
            country_code="US",
            ttl=60,
        )
    )


def test_a_name_that_the_partner_refuses_is_not_planned() -> None:
    with pytest.raises(InvalidRequest, match="10 to 128"):
        steps(DesiredAudience(upstream_name="vip", connection_id="c"), Unmade())


def test_a_ttl_that_the_partner_does_not_name_is_its_longest() -> None:
    desired = DesiredAudience(upstream_name="vip", ttl=LONGEST_TTL)

    assert steps(desired, found(ttl=None)) == (Keep(AUDIENCE_ID),)


@pytest.mark.parametrize(
    ("key", "standing", "desired"),
    [
        ("name", "VIP customers", "VIP customers 2"),
        ("external_audience_id", "vip", "vips"),
        ("advertiser_id", 5, 6),
    ],
)
def test_what_never_changes_is_said_and_not_sent(key: str, standing: object, desired: Any) -> None:
    want = DesiredAudience(upstream_name="vip", **{key: desired})

    [step] = steps(want, found(**{key: standing}))

    assert not isinstance(step, Create | Update | Keep)


@pytest.mark.parametrize("standing", [Asked("2026-11-25T10:00:00Z"), Gone(AUDIENCE_ID)])
def test_what_may_be_there_and_what_is_gone_is_never_made(standing: Asked | Gone) -> None:
    desired = DesiredAudience(
        upstream_name="vip-customers", connection_id="c", ttl=5, description="x"
    )

    assert steps(desired, standing) == (standing,)


@given(ttls, st.integers(0, LONGEST_TTL))
def test_members_are_hidden_exactly_by_a_shorter_ttl(standing: int | None, desired: int) -> None:
    effective = LONGEST_TTL if standing is None else standing
    assume(desired != effective)

    [step] = steps(DesiredAudience(upstream_name="vip", ttl=desired), found(ttl=standing))

    assert hides_members(step) == (desired < effective)


def test_a_new_audience_that_shows_nobody_counts_as_hiding() -> None:
    desired = DesiredAudience(upstream_name="vip-customers", connection_id="c")

    assert [hides_members(*steps(replace(desired, ttl=ttl), Unmade())) for ttl in (0, 1, None)] == [
        True,
        False,
        False,
    ]
