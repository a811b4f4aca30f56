"""Adobe's side of the sandbox: takes the audiences of a configuration, and shows the results."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_audience
from pipeline.destinations.contract import TargetSettings
from pipeline.destinations.registry import PARTNERS
from pipeline.destinations.snapshots import Snapshots
from pipeline.destinations.storage_settings import FolderSettings
from pipeline.sandbox.adobe_audiences.definitions import Definition, Field, folder_definition
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from pipeline.sandbox.adobe_reconciliation import Ingested
from pipeline.sandbox.trouble import SandboxTrouble


def configured_audiences(settings: Settings, destination: str) -> Iterator[tuple[str, Definition]]:
    """The id and the definition of each audience of the destination, to add them from the start.

    The definition fits the files that the pipeline makes.
    """
    for audience in settings.audiences:
        for target in audience.destinations:
            audience_id = target.audience()
            if target.destination == destination and audience_id is not None:
                yield audience_id, _definition(settings, target, audience.audience)


def files_of(settings: Settings, destination: str) -> Path:
    """The folder that is the storage of this destination.

    Raises:
        SandboxTrouble: the storage is not a folder on this machine.
    """
    where = settings.destinations[destination]
    delivery = PARTNERS[where.kind].delivery(where, [])
    if isinstance(delivery, Snapshots) and isinstance(delivery.storage, FolderSettings):
        return delivery.storage.path
    raise SandboxTrouble(
        f"destinations.{destination}.storage: is not of kind folder, so the sandbox cannot "
        "simulate it; write {kind: folder, path: …}"
    )


async def ingested_by(simulator: AdobeSimulator) -> Ingested:
    """The present state at Adobe, for the comparison."""
    audiences, totals = await simulator.audiences(), await simulator.totals()
    membership = await simulator.membership()
    return Ingested(
        files={audiences[audience]["name"]: rows for audience, rows in membership.items()},
        runs=totals["runs"],
        largest_day=totals["largest_day"],
        violations=totals["violations"],
        faults=totals["faults"],
    )


def _definition(settings: Settings, target: TargetSettings, name: str) -> Definition:
    said: Mapping[str, Any] = target.model_dump()
    identity = Field(
        name=said["identity"]["column"], type="string", namespace=said["identity"]["namespace"]
    )
    columns = [Field(name=one["name"], type=one["type"], namespace=None) for one in said["columns"]]
    return folder_definition(
        name=name,
        fields=[identity, *columns],
        path=snapshot_audience(settings, target, name, PARTNERS).folder,
        ttl_days=said["ttl_days"],
    )
