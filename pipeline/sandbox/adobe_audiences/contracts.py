"""The two generations of the API: paths of endpoints, and names of keys in answers.

The draft is a guide from before the first release; the current one is the published API.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pipeline.sandbox.adobe_audiences.vocabulary import ContractName, EndpointName

ROOT: Final = "/data/core/ais"
TOKEN_PATH: Final = "/ims/token/v3"  # noqa: S105 - an address
LANDING_ZONE_PATH: Final = "/data/foundation/connectors/landingzone/credentials"
_ONE: Final = f"{ROOT}/external-audience/{{audience}}"


class Route(NamedTuple):
    """One endpoint."""

    name: EndpointName
    method: str
    path: str

    @property
    def takes_json(self) -> bool:
        return self.name in ("audiences.create", "audiences.update", "runs.start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One generation."""

    name: ContractName
    created_status: int
    operation_key: str
    run_name_key: str
    """The key of the audience in a run."""
    run_time_key: str
    """The key of the time when a run was requested."""
    routes: Sequence[Route]


_BOTH: Final = (
    Route("token", "POST", TOKEN_PATH),
    Route("audiences.update", "PATCH", _ONE),
    Route("audiences.delete", "DELETE", _ONE),
    # The guide's example ends with a slash, that of the update does not.
    Route("audiences.delete", "DELETE", f"{_ONE}/"),
    Route("runs.list", "GET", f"{_ONE}/runs"),
    Route("landing_zone.show", "GET", LANDING_ZONE_PATH),
    Route("landing_zone.refresh", "POST", LANDING_ZONE_PATH),
)
CONTRACTS: Final[Mapping[ContractName, Contract]] = {
    "current": Contract(
        name="current",
        created_status=202,
        operation_key="operationId",
        run_name_key="audienceName",
        run_time_key="createdAt",
        routes=(
            *_BOTH,
            Route("audiences.create", "POST", f"{ROOT}/external-audience/"),
            Route("audiences.operation", "GET", f"{ROOT}/external-audience/operations/{{id}}"),
            Route("audiences.extend", "POST", f"{ROOT}/external-audience/extend-ttl/{{audience}}"),
            Route("runs.start", "POST", f"{_ONE}/runs"),
            Route("runs.show", "GET", f"{_ONE}/runs/{{id}}"),
        ),
    ),
    "draft": Contract(
        name="draft",
        created_status=200,
        operation_key="taskId",
        run_name_key="name",
        run_time_key="ingestionTime",
        routes=(
            *_BOTH,
            Route("audiences.create", "POST", f"{ROOT}/external-audience/submit"),
            Route("audiences.operation", "GET", f"{ROOT}/external-audience/task/{{id}}"),
            Route("runs.start", "POST", f"{_ONE}/run"),
            Route("runs.show", "GET", f"{_ONE}/run/{{id}}"),
        ),
    ),
}
