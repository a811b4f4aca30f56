"""Plans and applies the changes that bring the partner's audiences to the configuration."""

import time
from collections.abc import Callable, Sequence

from pipeline.configuration.load import Configuration
from pipeline.operations.audiences.apply import Application, Result
from pipeline.operations.audiences.lock_file import LockFile
from pipeline.operations.audiences.selection import Planned, partner_ends, plan_audiences
from pipeline.operations.moments import moment
from pipeline.operations.partner_api import partner_apis, refuse_unknown


async def plan_configured(
    configuration: Configuration, destination: str | None
) -> Sequence[Planned]:
    """The steps that `apply_plan` would do, for one destination or for all; changes nothing.

    Raises:
        UsageRefused: there is no such destination.
        OperationFailed: a partner does not tell the state of an audience.
        InvalidRequest: a partner would refuse a value of the configuration.
    """
    settings = configuration.settings
    refuse_unknown(settings, destination)
    async with partner_apis(settings) as apis:
        return await plan_audiences(configuration, partner_ends(settings, apis), destination)


async def apply_plan(
    configuration: Configuration,
    plan: Sequence[Planned],
    lock_file: LockFile,
    told: Callable[[Result], None],
) -> Sequence[Result]:
    """Execute the plan; new ids go into the lock file, and `told` is called after every step.

    Raises:
        LockUnwritable: there are audiences to create, but their ids could not be recorded.
    """
    if any(one.step.what == "create" for one in plan):
        lock_file.try_out()
    settings = configuration.settings
    async with partner_apis(settings) as apis:
        application = Application(
            ends=partner_ends(settings, apis),
            lock=configuration.identities.lock,
            save=lock_file.save,
            now=lambda: moment(time.time_ns() // 1_000_000),
            told=told,
        )
        return await application.apply(plan)
