"""Requests that change, extend or delete an audience at Adobe.

Adobe has no request that shows an audience: only the answer to a change shows it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.destinations.adobe_audiences.errors import detail
from pipeline.destinations.adobe_audiences.generations import Generation
from pipeline.destinations.adobe_audiences.remedies import NOT_THE_PARTNER
from pipeline.destinations.adobe_audiences.replies import declined, id_in, said_by
from pipeline.destinations.adobe_audiences.requests import composed
from pipeline.destinations.control import Declined, InvalidRequest
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.partner_words import scalar_text

SHORTEST_TTL, LONGEST_TTL = 1, 90


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceUpdate:
    """The values of an audience that can change; None leaves a value unchanged.

    Raises InvalidRequest for values that the partner is known to refuse, and if all are None.
    """

    description: str | None = None
    ttl_days: int | None = None
    labels: tuple[str, ...] | None = None
    column_labels: Mapping[str, Sequence[str]] | None = None

    def __post_init__(self) -> None:
        said = (self.description, self.ttl_days, self.labels, self.column_labels)
        if not any(one is not None for one in said):
            raise InvalidRequest("nothing to change: give a description, a ttl or labels")
        if self.ttl_days is not None and not SHORTEST_TTL <= self.ttl_days <= LONGEST_TTL:
            raise InvalidRequest(f"ttl must be {SHORTEST_TTL} to {LONGEST_TTL} days")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """One audience as an answer shows it; any value may be missing."""

    audience_id: str
    name: str | None
    description: str | None = None
    ttl_days: int | None = None
    source: str | None = None


def compose_look(generation: Generation, audience: str) -> Request:
    """PATCH that changes nothing, because only the answer to a PATCH shows an audience."""
    return composed("audience look", "PATCH", generation.audience(audience), body={"fields": []})


def compose_update(generation: Generation, audience: str, update: AudienceUpdate) -> Request:
    """PATCH of the given values only."""
    columns = update.column_labels
    said = {
        "description": update.description,
        "ttlInDays": update.ttl_days,
        "labels": None if update.labels is None else list(update.labels),
        "fields": None
        if columns is None
        else [{"name": name, "labels": list(labels)} for name, labels in columns.items()],
    }
    body = {key: value for key, value in said.items() if value is not None}
    return composed("audience update", "PATCH", generation.audience(audience), body=body)


def interpret_update(response: Response) -> Audience | Declined:
    """The audience in the answer; its source may be nested or flat."""
    if not 200 <= response.status < 300:
        return declined("audience update", response)
    return _audience(response)


def compose_extend(generation: Generation, audience: str) -> Request:
    """POST that extends an audience's life by its ttl.

    Raises:
        InvalidRequest: the draft of the API has no such request.
    """
    if not generation.extends:
        raise InvalidRequest("the draft of the API has no extension: set contract: current")
    return composed("audience extend", "POST", generation.extension(audience))


def interpret_extend(response: Response) -> Audience | Declined:
    if not 200 <= response.status < 300:
        return declined("audience extend", response)
    return _audience(response)


def compose_delete(generation: Generation, audience: str) -> Request:
    """DELETE of one audience."""
    return composed("audience delete", "DELETE", generation.audience(audience))


def interpret_delete(response: Response) -> Declined | None:
    """None for any 2xx: Adobe has changed the status over time, and the body is of no use."""
    return None if 200 <= response.status < 300 else declined("audience delete", response)


def _audience(response: Response) -> Audience | Declined:
    said = said_by(response)
    found = id_in(said, "audienceId")
    if found is None:
        return Declined(response.status, detail(response), NOT_THE_PARTNER)
    spec = said.get("sourceSpec")
    nested = spec.get("params", spec) if isinstance(spec, dict) else None
    path = nested.get("path") if isinstance(nested, dict) else None
    ttl = said.get("ttlInDays")
    return Audience(
        audience_id=found,
        name=scalar_text(said.get("name") or said.get("audienceName")) or None,
        description=scalar_text(said.get("description")) or None,
        ttl_days=ttl if isinstance(ttl, int) and not isinstance(ttl, bool) else None,
        source=scalar_text(path) or None,
    )
