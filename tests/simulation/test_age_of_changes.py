"""The age of changes goes from the lane's records into the job, so that poll can tell it."""

import json
import random

import pytest

from pipeline.domain.job import decode_job
from pipeline.domain.lane_record import encode_header
from tests.simulation.world import World, in_world


@pytest.mark.parametrize("seed", range(5))
def test_a_job_says_when_the_oldest_of_its_changes_happened(seed: int) -> None:
    """
    Not the first one it carries: upstream's events are in the order of their partition, and not
    of their time.
    """
    changed = random.Random(seed).sample(range(1_000, 1_000_000), 40)

    async def story(world: World) -> None:
        for number, changed_at_ms in enumerate(changed):
            header = encode_header("add", changed_at_ms, b"", 0, number)
            value = json.dumps({"externalUserId": f"m{number}", "action": "CREATE", "version": 1})
            world.topic.append(b"7|m%d" % number, value.encode(), header)
        await world.own_to_the_end()

    world = in_world(seed, story)

    jobs = [decode_job(message.value) for message in world.message_writer.of("jobs")]
    assert len(jobs) > 1
    for job in jobs:
        taken = [offset for run in job.placed() or () for offset in run]
        assert job.oldest_changed_at_ms == min(changed[offset] for offset in taken)
    ages = [seconds for stage, seconds, _ in world.telemetry.ages if stage == "accepted"]
    oldest = [(one.submitted_at_ms - one.oldest_changed_at_ms) / 1000 for one in jobs]
    assert ages == [max(0.0, age) for age in oldest]
