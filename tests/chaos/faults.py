"""How each kind of trouble comes about, at the partner and in our processes."""

import asyncio
from collections.abc import Sequence
from random import Random

from pipeline.sandbox.amazon_ads.faults import Fault, JobFault, ScriptedFault
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from tests.acceptance.deployment import Deployment
from tests.chaos.crew import Crew
from tests.chaos.plan import Gust
from tests.chaos.traffic import BUSY_MEMBERS

LATE_SECONDS = 1.5
SLOW_SECONDS = 3.0
HANGING_SECONDS = 8.0
STRUCK_MEMBERS = 6
SCALE_BY = 2


def strike_partner(
    simulator: AmazonAdsSimulator, gust: Gust, random: Random, *, members: int, audiences: int
) -> None:
    """Let the partner misbehave as the gust says; what lasts ends by itself."""
    match gust.kind:
        case "expired tokens":
            simulator.expire_tokens()
        case "poisoned records":
            simulator.faults.poison(_some(random, members))
        case "invalid records":
            simulator.faults.invalidate(_some(random, members))
        case "refused audience":
            simulator.script(
                ScriptedFault(
                    fault=Fault(status=400),
                    times=None,
                    seconds=gust.seconds,
                    audience_id=Deployment.audience_id(random.randrange(audiences)),
                )
            )
        case "partner resets":
            simulator.script(_lasting(gust, Fault(ending="reset"), everywhere=True))
        case "partner 503" if gust.connection is None:
            simulator.script(
                ScriptedFault(
                    fault=Fault(status=503), endpoint="*", times=None, seconds=gust.seconds
                )
            )
        case "status trouble":
            simulator.script(
                ScriptedFault(
                    fault=Fault(status=503),
                    endpoint="records.status",
                    times=None,
                    seconds=gust.seconds,
                )
            )
        case _:
            simulator.script(_lasting(gust, _fault(gust, random), everywhere=False))


def _some(random: Random, members: int) -> Sequence[str]:
    return [f"u-{random.randrange(BUSY_MEMBERS, members)}" for _ in range(STRUCK_MEMBERS)]


def _lasting(gust: Gust, fault: Fault, *, everywhere: bool) -> ScriptedFault:
    few = {"endless job": 3, "no job id": 2}.get(gust.kind)
    return ScriptedFault(
        fault=fault,
        times=few,
        seconds=gust.seconds or None,
        connection_id=(
            None if everywhere or gust.connection is None else f"connection-{gust.connection}"
        ),
    )


def _fault(gust: Gust, random: Random) -> Fault:
    faults = {
        "partner 503": Fault(status=503),
        "partner hangs": Fault(
            ending="drop", is_taken=True, latency=(HANGING_SECONDS, HANGING_SECONDS)
        ),
        "429 storm": Fault(status=429, retry_after=random.choice([None, 1.0, 2.0])),
        "5xx after taking": Fault(status=random.choice([500, 503, 504]), is_taken=True),
        "drop after taking": Fault(ending="drop", is_taken=True),
        "late application": Fault(ending="drop", is_taken=True, late_seconds=LATE_SECONDS),
        "slow answers": Fault(latency=(SLOW_SECONDS, SLOW_SECONDS)),
        "endless job": Fault(job=JobFault(never_ends=True)),
        "no job id": Fault(omits_job_id=True),
    }
    return faults[gust.kind]


async def strike_process(crew: Crew, gust: Gust) -> str | None:
    """Do to one of our processes what the gust says; the name of the struck one."""
    if gust.kind == "scale":
        extra = [crew.start(gust.role) for _ in range(SCALE_BY)]
        await asyncio.sleep(gust.seconds)
        async with asyncio.TaskGroup() as tasks:
            for hand in extra:
                if hand in crew.hands and not hand.is_leaving:
                    tasks.create_task(crew.terminate(hand))
        return gust.role
    struck = crew.one_of(gust.role)
    if struck is None:
        return None
    match gust.kind:
        case "freeze":
            await crew.freeze(struck, gust.seconds)
        case "terminate" if crew.static:
            await crew.terminate(struck)
            crew.succeed(struck)
        case "terminate":
            crew.start(gust.role)
            await crew.terminate(struck)
        case _:
            crew.kill(struck)
            await asyncio.sleep(gust.seconds)
            crew.succeed(struck)
    return struck.name
