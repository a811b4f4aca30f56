"""Audiences as Adobe keeps them: made by an operation that takes its time, changed in part.

Adobe gives out no description of an audience: only an answer to a change shows one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.destinations.adobe_audiences.errors import detail, is_page, text_of
from pipeline.destinations.adobe_audiences.file_shape import folder_of, source_path
from pipeline.destinations.adobe_audiences.generations import Generation
from pipeline.destinations.adobe_audiences.remedies import NOT_THE_PARTNER, remedy
from pipeline.destinations.adobe_audiences.requests import composed
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.control import Declined, InvalidRequest
from pipeline.destinations.exchange import Request, Response, document, header
from pipeline.domain.send_result import InDoubt

LONGEST_ID = 128
SHORTEST_TTL, LONGEST_TTL = 1, 90
_CLOUDS: Final = {
    "landing_zone": "DLZ",
    "s3": "S3",
    "gcs": "GCS",
    "azure_blob": "Azure",
    "sftp": "SFTP",
    "folder": "DLZ",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAudience:
    """One audience to be made."""

    name: str
    fields: Sequence[Mapping[str, object]]
    path: str
    """Of its folder, as the partner is told of it."""
    cloud: str
    base_connection_id: str | None
    ttl_days: int
    description: str | None = None
    custom_audience_id: str | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """The partner works on a creation."""

    operation: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The audience is there."""

    audience_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceUpdate:
    """All that can change of an audience; what is None stays, what is said replaces.

    Raises InvalidRequest for whatever the partner is known to refuse, and for no change at all.
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
    """One audience as an answer shows it; the partner may leave out anything."""

    audience_id: str
    name: str | None
    description: str | None = None
    ttl_days: int | None = None
    source: str | None = None


def new_audience(settings: AdobeSettings, target: AdobeTarget, upstream_name: str) -> NewAudience:
    """The audience that this target needs."""
    identity: dict[str, object] = {
        "name": target.identity.column,
        "type": "string",
        "identityNs": target.identity.code(),
    }
    columns = [
        {"name": one.name, "type": one.type} | ({"labels": list(one.labels)} if one.labels else {})
        for one in target.columns
    ]
    return NewAudience(
        name=target.name or upstream_name,
        fields=[identity, *columns],
        path=source_path(settings, folder_of(settings, target, upstream_name)),
        cloud=_CLOUDS[settings.storage.kind],
        base_connection_id=settings.base_connection_id,
        ttl_days=target.ttl_days,
        description=target.description,
        custom_audience_id=target.custom_audience_id,
        labels=target.labels,
    )


def compose_create(generation: Generation, new: NewAudience) -> Request:
    """POST of one audience. It reads a folder, so that no run takes another's file."""
    source: dict[str, object] = {
        "path": new.path,
        "type": "folder",
        "sourceType": "Cloud Storage",
    }
    if generation.nests_source:
        source["cloudType"] = new.cloud
    if new.base_connection_id is not None:
        source["baseConnectionId"] = new.base_connection_id
    body: dict[str, object] = {
        "name": new.name,
        "fields": list(new.fields),
        "sourceSpec": {"params": source} if generation.nests_source else source,
        # A number, although an example of the partner's has it in quotes.
        "ttlInDays": new.ttl_days,
        "audienceType": "people",
        "originName": "CUSTOM_UPLOAD",
    }
    said = {
        "description": new.description,
        "labels": list(new.labels) or None,
        "customAudienceId": new.custom_audience_id if generation.nests_source else None,
    }
    body |= {key: value for key, value in said.items() if value is not None}
    return composed("audience create", "POST", generation.create, body=body)


def interpret_create(
    generation: Generation, response: Response
) -> Operation | Standing | Declined | InDoubt:
    """What works on it; or the audience itself, where it is there already and the answer says so.

    A success that cannot be read may have begun something, and nobody knows what.
    """
    said = _said(response)
    if response.status == 409 and (found := _id(said, "audienceId")) is not None:
        return Standing(found)
    if not 200 <= response.status < 300:
        return declined("audience create", response)
    operation = _id(said, generation.operation_id)
    if operation is None:
        return InDoubt(f"{response.status}, and it names no {generation.operation_id}")
    return Operation(operation)


def compose_operation(generation: Generation, operation: str) -> Request:
    """GET of one creation."""
    return composed("operation", "GET", generation.operation(operation))


def interpret_operation(response: Response) -> Standing | Operation | Declined:
    """The audience, or that it is still being made, or why it never will be."""
    if not 200 <= response.status < 300:
        return declined("operation", response)
    said = _said(response)
    state = text_of(said.get("status"))
    if state == "FAILED":
        why = f"{response.status}: the partner failed to make it"
        words = " ".join(filter(None, (text_of(said.get(key)) for key in ("message", "error"))))
        what_to_do = "check the columns, the storage and base_connection_id, and apply again"
        return Declined(response.status, f"{why} {words}".strip(), what_to_do, made_nothing=True)
    made = _id(said, "audienceId")
    if state == "SUCCESS" and made is not None:
        return Standing(made)
    if state in ("PROCESSING", "SUCCESS"):
        return Operation("")
    return Declined(response.status, detail(response), NOT_THE_PARTNER)


def compose_update(generation: Generation, audience: str, update: AudienceUpdate) -> Request:
    """PATCH of what differs, and of nothing else."""
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
    """The audience as the answer shows it: its source is nested in one answer, flat in another."""
    if not 200 <= response.status < 300:
        return declined("audience update", response)
    return _audience(response)


def compose_extend(generation: Generation, audience: str) -> Request:
    """POST that extends an audience's life by its ttl.

    Raises:
        InvalidRequest: the draft of the API knows no such request.
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
    """None for a success; which of them has changed over time, and its body says nothing."""
    return None if 200 <= response.status < 300 else declined("audience delete", response)


def declined(endpoint: str, response: Response) -> Declined:
    """The partner's words and the remedy; with the wait it asks for, where it does."""
    wait = header(response.headers, "Retry-After")
    return Declined(response.status, detail(response), remedy(endpoint, response, wait))


def _audience(response: Response) -> Audience | Declined:
    said = _said(response)
    found = _id(said, "audienceId")
    if found is None:
        return Declined(response.status, detail(response), NOT_THE_PARTNER)
    spec = said.get("sourceSpec")
    nested = spec.get("params", spec) if isinstance(spec, dict) else None
    path = nested.get("path") if isinstance(nested, dict) else None
    ttl = said.get("ttlInDays")
    return Audience(
        audience_id=found,
        name=text_of(said.get("name") or said.get("audienceName")) or None,
        description=text_of(said.get("description")) or None,
        ttl_days=ttl if isinstance(ttl, int) and not isinstance(ttl, bool) else None,
        source=text_of(path) or None,
    )


def _said(response: Response) -> Mapping[str, object]:
    body = None if is_page(response) or response.body_trouble else document(response.body)
    return body if isinstance(body, dict) else {}


def _id(said: Mapping[str, object], name: str) -> str | None:
    value = said.get(name)
    is_one = isinstance(value, str) and 0 < len(value) <= LONGEST_ID and "|" not in value
    return str(value) if is_one else None
