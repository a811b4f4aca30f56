"""One partition of jobs, followed in virtual time."""

import asyncio
from dataclasses import replace

from pipeline.domain.job import decode_job, decode_outcome
from tests.fakes.lane_world import TopicLease
from tests.fakes.poll_world import EndingPartner, PollWorld, SlowLimiter, job, wall_ms, world_of
from tests.fakes.virtual_loop import run_virtual


def test_a_job_that_stands_twice_in_the_topic_is_followed_once() -> None:
    """
    Its carried-over copy and its old place are both read by whoever takes the partition over.
    """
    world = world_of(EndingPartner({"job": 30.0, "other": 5.0}))

    async def story() -> TopicLease:
        world.topic.place(job("job"))
        world.topic.place(job("other"))
        world.topic.place(job("job").carry_over(polls=3))
        return await world.followed_for(100.0)

    lease = run_virtual(story())

    assert sorted(world.outcomes()) == ["job", "other"]
    asked = [at for at, job_id in world.asked if job_id == "job"]
    assert sum(at >= 30.0 for at in asked) == 1
    assert lease.settled.offset == len(world.topic.records)


def test_a_copy_that_is_read_after_the_job_has_ended_is_not_asked_for() -> None:
    """
    The old place of a carried-over job can end before its copy at the end of the topic is read.
    """
    world = world_of(EndingPartner({"job": 5.0}))

    async def story() -> TopicLease:
        world.topic.place(job("job"))
        async with world.owned() as lease:
            await asyncio.sleep(20.0)
            world.topic.place(job("job").carry_over(polls=3))
            await asyncio.sleep(20.0)
        return lease

    lease = run_virtual(story())

    assert world.outcomes() == ["job"]
    assert lease.settled.offset == 2


def test_a_job_carried_over_is_followed_from_the_copy_that_is_read_before_the_write_is_known() -> (
    None
):
    """
    Between a copy standing in the topic and our hearing of it nothing is lost.
    """
    world = world_of(EndingPartner({"job": 60.0}))

    async def story() -> TopicLease:
        world.topic.place(job("job"))
        return await world.followed_for(200.0)

    lease = run_virtual(story())

    assert len(world.topic.records) > 2
    assert world.outcomes() == ["job"]
    assert lease.settled.offset == len(world.topic.records)


def test_who_follows_a_job_does_not_hold_the_offsets_that_it_took() -> None:
    """
    Of twenty thousand jobs they would be hundreds of megabytes; the first message keeps them.
    """
    world = world_of(EndingPartner({"job": 60.0}))

    async def story() -> None:
        world.topic.place(replace(job("job"), last_offset=10, offsets="0:9,1"))
        await world.followed_for(100.0)

    run_virtual(story())

    first, *copies = [decode_job(record.value) for record in world.topic.records]
    [outcome] = [decode_outcome(message.value) for message in world.writer.of("outcomes")]
    assert first.offsets == "0:9,1"
    assert {copy.offsets for copy in copies} == {""}
    assert outcome.job.offsets == ""


def test_who_lost_the_partition_while_waiting_for_a_turn_asks_no_more() -> None:
    """
    A process that was frozen between its turn and its question leaves the job to its successor.
    """
    world = world_of(EndingPartner({"job": 0.0}), limiter=SlowLimiter(10.0))

    async def story() -> None:
        world.topic.place(job("job"))
        async with world.owned() as lease:
            await asyncio.sleep(5.0)
            lease.lose()
            await asyncio.sleep(20.0)

    run_virtual(story())

    assert world.asked == []


def test_who_was_frozen_when_its_question_was_due_asks_no_more() -> None:
    """
    The turn was its own when it was looked at, and another process's when the question began.
    """
    world = world_of(EndingPartner({"job": 0.0}))

    async def story() -> None:
        world.topic.place(job("job"))
        async with world.owned(LostOnceLookedAt(world.topic)):
            await asyncio.sleep(20.0)

    run_virtual(story())

    assert world.asked == []


class LostOnceLookedAt(TopicLease):
    """
    Of a process that is frozen right after it made sure of its ownership.
    """

    @property
    def is_held(self) -> bool:
        was_held = self._owned.is_set()
        self.lose()
        return was_held


def test_no_job_is_settled_before_its_outcome_is_durable() -> None:
    """Whoever takes over in between asks once more, and the outcome is not lost."""

    async def story() -> tuple[PollWorld, list[tuple[int, int]]]:
        world = world_of(EndingPartner({f"job-{number}": 0.0 for number in range(5)}))
        seen: list[tuple[int, int]] = []
        for number in range(5):
            world.topic.place(job(f"job-{number}"))
        async with world.owned() as lease:
            for _ in range(120):
                await asyncio.sleep(0.1)
                seen.append((lease.settled.offset, world.durable_outcomes))
        return world, seen

    world, seen = run_virtual(story())

    assert len(world.outcomes()) == 5
    assert all(settled <= durable for settled, durable in seen)
    assert seen[-1] == (5, 5)


def test_an_outcome_of_a_former_owner_that_arrives_late_is_heard_of_and_nothing_is_asked() -> None:
    """
    It was on its way when the partition was lost, and became durable after this owner had looked.
    """

    async def story() -> PollWorld:
        world = world_of(EndingPartner({"job": 0.0}))
        world.topic.place(job("job"))
        async with world.owned() as lease:
            await asyncio.sleep(0.5)
            world.outcome_reader.arrive("job")
            await asyncio.sleep(30)
        assert lease.settled.offset == 1
        return world

    world = run_virtual(story())

    assert world.asked == []
    assert world.outcomes() == []


def test_a_copy_that_a_frozen_process_wrote_behind_the_end_of_its_job_is_not_asked_for() -> None:
    """
    Its message is young and its job is old: what is looked for is the outcome of the job.
    """

    async def story() -> PollWorld:
        world = world_of(EndingPartner({"old": 0.0, "young": 0.0}))
        await asyncio.sleep(7200)
        world.outcome_reader.stands["old"] = 3_600_000
        world.topic.place(replace(job("young"), submitted_at_ms=wall_ms()))
        world.topic.place(replace(job("old"), carried_over=1))
        lease = await world.followed_for(30)
        assert lease.settled.offset == 2
        return world

    world = run_virtual(story())

    assert {job for _, job in world.asked} == {"young"}
    assert len(world.outcome_reader.asked_since) == 1


def test_who_lost_the_partition_while_it_asked_writes_no_copy() -> None:
    """
    The job's new owner follows it; a copy would stand behind whatever it writes.
    """

    async def story() -> PollWorld:
        world = world_of(EndingPartner({"job": 900.0}))
        world.topic.place(job("job"))
        async with world.owned() as lease:
            while not world.asked or world.asked[-1][0] < 10.0:
                await asyncio.sleep(0.01)
            asked = len(world.asked)
            while len(world.asked) == asked:
                await asyncio.sleep(0.01)
            lease.lose()
            await asyncio.sleep(60)
        return world

    world = run_virtual(story())

    assert world.writer.of("jobs") == []


def test_applied_changes_are_as_old_as_the_change_and_not_as_their_job() -> None:
    """
    A change may wait for hours in its lane before its job is submitted: the age counts that too.
    """
    world = world_of(EndingPartner({"job": 5.0}))

    async def story() -> None:
        world.topic.place(replace(job("job"), oldest_changed_at_ms=-7_200_000))
        await world.followed_for(30.0)

    run_virtual(story())

    [(milestone, seconds, count)] = world.telemetry.ages
    assert (milestone, count) == ("applied", 10)
    assert 7_205.0 <= seconds < 7_230.0
