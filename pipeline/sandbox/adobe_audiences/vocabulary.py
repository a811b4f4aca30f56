"""The words the partner knows: endpoints, field types, places of files, and codes of errors."""

from typing import Final, Literal, TypeAlias, get_args

EndpointName: TypeAlias = Literal[
    "token",
    "audiences.create",
    "audiences.operation",
    "audiences.update",
    "audiences.extend",
    "audiences.delete",
    "runs.start",
    "runs.show",
    "runs.list",
    "landing_zone.show",
    "landing_zone.refresh",
]
ENDPOINTS: frozenset[str] = frozenset(get_args(EndpointName))

ContractName: TypeAlias = Literal["current", "draft"]
Stage: TypeAlias = Literal["DATASET_INGEST", "PROFILE_STORE_INGEST"]
"""The stages of a run, in their order."""

FIELD_TYPES: Final = frozenset(
    {"string", "number", "long", "integer", "date", "datetime", "boolean"}
)
CLOUDS: Final = frozenset({"S3", "DLZ", "GCS", "Azure", "SFTP"})
CLOUDS_WITH_CONNECTION: Final = frozenset({"S3", "GCS", "SFTP"})
LANDING_ZONE_CONTAINER: Final = "dlz-user-container/"
"""The allowed beginnings of paths in the landing zone."""

FEWEST_FIELDS, MOST_FIELDS = 1, 41
SHORTEST_LIFE, USUAL_LIFE, LONGEST_LIFE = 1, 30, 90
"""Days."""
LARGEST_FILE: Final = 10 * 1024**3
RUNS_A_DAY, RUNS_AN_AUDIENCE = 100, 10
DAY_SECONDS: Final = 86_400.0

BAD_REQUEST: Final = "100910-400"
INVALID_TOKEN: Final = "100911-400"  # noqa: S105 - a code
HEADER_MISSING: Final = "100920-401"
WRONG_ORGANISATION: Final = "100921-401"
NOT_ENTITLED: Final = "100922-401"
NOT_FOUND: Final = "100940-404"
DUPLICATE: Final = "100950-409"
UNPROCESSABLE: Final = "100960-422"
TITLES: Final = {
    BAD_REQUEST: "BAD_REQUEST",
    INVALID_TOKEN: "BAD_REQUEST",
    HEADER_MISSING: "UNAUTHORIZED",
    WRONG_ORGANISATION: "UNAUTHORIZED",
    NOT_ENTITLED: "UNAUTHORIZED",
    NOT_FOUND: "NOT_FOUND",
    DUPLICATE: "DUPLICATE_RESOURCE",
    UNPROCESSABLE: "UNPROCESSABLE_ENTITY",
    "100970-500": "INTERNAL_SERVER_ERROR",
    "100970-502": "BAD_GATEWAY",
}
