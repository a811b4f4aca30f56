"""What is planned makes the audience as it is desired, and then nothing more is planned."""

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.audiences import Audience, AudienceSize, NewAudience
from pipeline.destinations.amazon_ads.planning import (
    DesiredAudience,
    creation,
    steps,
    update_of,
)
from pipeline.destinations.control import InvalidRequest, Step

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
standings = st.none() | audiences


def audience(**said: Any) -> Audience:
    nothing: dict[str, Any] = dict.fromkeys(
        ("name", "description", "external_audience_id", "advertiser_id", "country_code", "ttl")
    )
    return Audience(**{**nothing, "audience_id": AUDIENCE_ID, "fees": (), "size": NO_SIZE, **said})


def planned(desired: DesiredAudience, standing: Audience | None) -> tuple[Step, ...]:
    """What there is to do about an audience; None is one that is not made yet."""
    if standing is None:
        return (creation(desired),)
    return steps(desired, AUDIENCE_ID, standing)


def new_of(step: Step) -> NewAudience:
    assert step.creates is not None
    return cast("NewAudience", step.creates.request)


def after(step: Step, standing: Audience | None) -> Audience | None:
    """What the partner has once a step is done: a model of it, as the documentation has it."""
    if step.what == "create":
        return made(new_of(step))
    if step.what == "update" and standing is not None:
        update = update_of(step).completed(standing)
        return replace(standing, description=update.description, ttl=update.ttl)
    return standing


def made(new: NewAudience) -> Audience:
    return audience(
        name=new.name,
        description=new.description,
        external_audience_id=new.external_audience_id,
        advertiser_id=new.advertiser_id,
        country_code=new.country_code,
        ttl=LONGEST_TTL if new.ttl is None else new.ttl,
    )


@given(wants, standings)
def test_what_was_planned_and_done_leaves_nothing_to_do(
    desired: DesiredAudience, before: Audience | None
) -> None:
    standing = before
    for step in planned(desired, standing):
        standing = after(step, standing)

    again = planned(desired, standing)

    assert [step for step in again if step.what in ("create", "update")] == []


@given(wants, standings)
def test_every_audience_has_a_step(desired: DesiredAudience, standing: Audience | None) -> None:
    assert planned(desired, standing)


@given(wants, audiences)
def test_what_is_not_wanted_is_not_touched(desired: DesiredAudience, standing: Audience) -> None:
    updates = [update_of(step) for step in planned(desired, standing) if step.what == "update"]

    assert all(desired.description is not None or one.description is None for one in updates)
    assert all(desired.ttl is not None or one.ttl is None for one in updates)


def test_a_new_audience_goes_by_the_upstream_name_unless_told_otherwise() -> None:
    desired = DesiredAudience(upstream_name="vip-customers", connection_id="c", country_code="US")

    by_default = creation(desired)
    told = creation(replace(desired, name="VIP customers", external_audience_id="vip", ttl=60))

    assert new_of(by_default) == NewAudience(
        name="vip-customers",
        external_audience_id="vip-customers",
        connection_id="c",
        country_code="US",
    )
    assert new_of(told) == NewAudience(
        name="VIP customers",
        external_audience_id="vip",
        connection_id="c",
        country_code="US",
        ttl=60,
    )


def test_a_name_that_the_partner_refuses_is_not_planned() -> None:
    with pytest.raises(InvalidRequest, match="10 to 128"):
        creation(DesiredAudience(upstream_name="vip", connection_id="c"))


def test_a_ttl_that_the_partner_does_not_name_is_its_longest() -> None:
    desired = DesiredAudience(upstream_name="vip", ttl=LONGEST_TTL)

    assert planned(desired, audience(ttl=None)) == (
        Step(what="keep", audience_id=str(AUDIENCE_ID)),
    )


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

    [step] = planned(want, audience(**{key: standing}))

    assert step.what == "fixed"


@given(ttls, st.integers(0, LONGEST_TTL))
def test_members_are_hidden_exactly_by_a_shorter_ttl(standing: int | None, desired: int) -> None:
    effective = LONGEST_TTL if standing is None else standing
    assume(desired != effective)

    [step] = planned(DesiredAudience(upstream_name="vip", ttl=desired), audience(ttl=standing))

    assert step.hides_members == (desired < effective)


def test_a_new_audience_that_shows_nobody_counts_as_hiding() -> None:
    desired = DesiredAudience(upstream_name="vip-customers", connection_id="c")

    hiding = [creation(replace(desired, ttl=ttl)).hides_members for ttl in (0, 1, None)]

    assert hiding == [True, False, False]
