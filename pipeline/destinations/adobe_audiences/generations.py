"""The two generations of the API in one table: paths, and names of keys that differ.

`current` is what Adobe has published since it renamed its endpoints; `draft` is the guide before
that. Which one is spoken is a setting, and never tried out by a request that could do something.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from pipeline.destinations.adobe_audiences.settings import AIS_PATH, Contract

_ROOT: Final = f"{AIS_PATH}/external-audience"
"""Singular throughout: the published text says both, Adobe's own client says this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """How one generation of the API is spoken to."""

    name: Contract
    create: str
    operations: str
    """What asks for a creation begins with; its id follows."""
    operation_id: str
    """The key of that id."""
    one_run: str
    """The last word but one of a run's path, and the last one of the path that starts it."""
    nests_source: bool
    """The parameters of a source stand in an object of their own."""
    says_differential: bool
    """Whether a run takes all of a file is said by the request; left out, it does not."""
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
    """The generation of this name, as it was written down; another one where nothing was."""
    return next((one for one in GENERATIONS.values() if one.name == name), otherwise)
