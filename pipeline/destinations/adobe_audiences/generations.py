"""The two generations of the API in one table: paths, and names of keys that differ.

`current` is what Adobe has published since it renamed its endpoints; `draft` is the guide before
that. A setting chooses the generation; we never find it out by a request that changes something.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from pipeline.destinations.adobe_audiences.settings import AIS_PATH, Contract

_ROOT: Final = f"{AIS_PATH}/external-audience"
"""Always singular: the published text has both forms, Adobe's own client has this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The paths and key names of one generation of the API."""

    name: Contract
    create: str
    operations: str
    """The path of a creation's state, without its id."""
    operation_id: str
    """The key of the id of a creation."""
    one_run: str
    """The part before the id in a run's path; the last part in the path that starts a run."""
    nests_source: bool
    """Whether the parameters of a source are in their own object."""
    says_differential: bool
    """Whether the request must say that a run takes the whole file; by default it does not."""
    extends: bool
    """Whether there is a request that extends an audience's life."""

    def audience(self, audience: str) -> str:
        """The path of one audience."""
        return f"{_ROOT}/{quote(audience, safe='')}"

    def start(self, audience: str) -> str:
        """The path that starts a run."""
        return f"{self.audience(audience)}/{self.one_run}"

    def run(self, audience: str, run_id: str) -> str:
        """The path of one run."""
        return f"{self.start(audience)}/{quote(run_id, safe='')}"

    def runs(self, audience: str) -> str:
        """The path of all runs of an audience."""
        return f"{self.audience(audience)}/runs"

    def operation(self, operation: str) -> str:
        """The path of one creation."""
        return f"{self.operations}/{quote(operation, safe='')}"

    def extension(self, audience: str) -> str:
        """The path that extends an audience's life."""
        return f"{_ROOT}/extend-ttl/{quote(audience, safe='')}"


GENERATIONS: Final[Mapping[Contract, Generation]] = MappingProxyType(
    {
        "current": Generation(
            name="current",
            create=f"{_ROOT}/",
            operations=f"{_ROOT}/operations",
            operation_id="operationId",
            one_run="runs",
            nests_source=True,
            says_differential=False,
            extends=True,
        ),
        "draft": Generation(
            name="draft",
            create=f"{_ROOT}/submit",
            operations=f"{_ROOT}/task",
            operation_id="taskId",
            one_run="run",
            nests_source=False,
            says_differential=True,
            extends=False,
        ),
    }
)


def generation_called(name: str | None, otherwise: Generation) -> Generation:
    """The generation with this recorded name; `otherwise` if none was recorded."""
    return next((one for one in GENERATIONS.values() if one.name == name), otherwise)
