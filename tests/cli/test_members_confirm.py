"""`members confirm`: an operator says that a members topic that was emptied is whole again."""

from pipeline.configuration.load import load
from pipeline.configuration.model import Settings
from pipeline.domain.member_record import LAYOUT_KEY, PARTITIONS, Layout, encode_layout
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.member_topics import member_troubles
from pipeline.stages.snapshot.members_trouble import MembersTrouble
from tests.cli.snapshot_operator import Operator, operator
from tests.cli.test_commands import Ran, _logging_is_put_back
from tests.integration.test_member_layout import layouts
from tests.servers.kafka_clients import create_topics

__all__ = ["_logging_is_put_back", "operator"]

ANSWER = "confirm adobe-prod\n"


def settings_of(operator: Operator) -> Settings:
    return load(operator.config, {})


async def looked_at(operator: Operator, *, creates: bool = False) -> list[MembersTrouble]:
    settings = settings_of(operator)
    options = client_options(settings.kafka)
    return [*await member_troubles(settings, options, creates=creates)]


def members(operator: Operator) -> str:
    return operator.topic.replace(".snapshots.", ".members.")


async def empty(operator: Operator, *, partitions: int = PARTITIONS) -> None:
    """
    The members topic is new, and the owner's says that every partition of it was written to.
    """
    await create_topics(operator.cluster, members(operator), partitions=partitions)
    await create_topics(operator.cluster, operator.topic)
    layout = encode_layout(Layout("uuid", PARTITIONS, 8, "blake2b-64"))
    await operator.write((LAYOUT_KEY, layout))


async def test_it_is_confirmed_after_a_sentence_was_typed_and_nothing_is_wrong_then(
    operator: Operator,
) -> None:
    """
    Every partition says again how it is laid out, and the owner is told before and after it.
    """
    await empty(operator)
    [trouble] = await looked_at(operator)

    refused = await operator.types("members confirm adobe-prod", "yes\n")
    before = await layouts(operator.cluster, members(operator))
    confirmed = await operator.types("members confirm adobe-prod", ANSWER)

    assert trouble.cause == "emptied"
    assert (refused.code, before) == (1, {})
    assert "has lost records in 64 of its partitions" in refused.err
    assert confirmed.code == 0, confirmed.err
    assert await looked_at(operator) == []
    after = await layouts(operator.cluster, members(operator))
    assert {len(said) for said in after.values()} == {1}
    assert len(after) == PARTITIONS
    [owners] = (await layouts(operator.cluster, operator.topic)).values()
    assert {one.uuid for one in owners} == {"uuid"}
    assert len(owners) == 3


async def test_what_must_be_mended_first_is_named(operator: Operator) -> None:
    await empty(operator, partitions=6)

    refused = await operator.types("members confirm adobe-prod", ANSWER)

    assert "has 6 partitions instead of 64" in refused.error


async def test_a_topic_that_no_run_has_made_yet_cannot_be_confirmed(
    operator: Operator,
) -> None:
    refused = await operator.types("members confirm adobe-prod", ANSWER)

    assert "no run has made it yet" in refused.error


async def test_a_destination_that_takes_no_snapshots_has_no_members(
    operator: Operator,
) -> None:
    refused: Ran = await operator.types("members confirm amazon-na", ANSWER)

    assert refused.code == 2
    assert "adobe-prod" in refused.err


async def test_audiences_of_a_members_topic_that_is_unfit_are_listed_as_blocked(
    operator: Operator,
) -> None:
    await empty(operator)

    [line] = (await operator.types("runs list --json")).found["audiences"]

    assert line["state"] == "blocked"
    assert "check --online" in line["why"]
