"""A claim, the tenant that works in it, and the task in which it does."""

import asyncio
from dataclasses import dataclass

from pipeline.kafka.lease import KafkaClaim
from pipeline.stages.ports import Tenant


@dataclass(slots=True)
class Tenancy:
    """One partition while it is ours."""

    claim: KafkaClaim
    tenant: Tenant
    task: asyncio.Task[None]


async def run_after(former: asyncio.Task[None] | None, tenant: Tenant) -> None:
    """Run a tenant, once the one who had the partition before has cleaned up."""
    if former is not None:
        await asyncio.wait([former])
    await tenant.run()
