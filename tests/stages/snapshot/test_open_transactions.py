"""Transactions that end are nothing to speak of; one that does not is as old as it looks."""

from pipeline.stages.snapshot.open_transactions import OpenTransactions
from pipeline.stages.snapshot.ports import TopicLook


def test_transactions_that_come_and_go_never_grow_old() -> None:
    """Under load there is one open at every look, and each time another one."""
    found = OpenTransactions()
    for second in range(0, 7200, 30):
        found.seen(TopicLook([second, 5], [0]), float(second))

    assert found.oldest == 0.0


def test_one_that_stays_is_as_old_as_its_first_look() -> None:
    """The stable end stands still; other partitions go on."""
    found = OpenTransactions()
    for second in range(0, 660, 60):
        found.seen(TopicLook([second, 5], [0, 1]), float(second))

    assert found.ages == {0: 0.0, 1: 600.0}
    assert found.oldest == 600.0


def test_one_that_ended_is_forgotten_and_the_next_one_begins_anew() -> None:
    """Though it begins at the same place."""
    found = OpenTransactions()
    found.seen(TopicLook([5], [0]), 0.0)
    found.seen(TopicLook([5], []), 60.0)
    found.seen(TopicLook([5], [0]), 120.0)
    found.seen(TopicLook([5], [0]), 180.0)

    assert found.oldest == 60.0
