"""The creation of an audience: one request begins it, and it goes on after the answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.destinations.adobe_audiences.errors import detail
from pipeline.destinations.adobe_audiences.file_shape import folder_of, source_path
from pipeline.destinations.adobe_audiences.generations import Generation
from pipeline.destinations.adobe_audiences.remedies import NOT_THE_PARTNER
from pipeline.destinations.adobe_audiences.replies import declined, id_in, said_by
from pipeline.destinations.adobe_audiences.requests import composed
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.control import Declined
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.partner_words import scalar_text, status_word
from pipeline.domain.send_result import InDoubt

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
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
    """One audience to create."""

    name: str
    fields: Sequence[Mapping[str, object]]
    path: str
    """The path of the audience's folder, as the request names it."""
    cloud: str
    base_connection_id: str | None
    ttl_days: int
    description: str | None = None
    custom_audience_id: str | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A creation that is still running at the partner."""

    operation: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The audience exists."""

    audience_id: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Another audience has this name; the partner says which, and it may not be ours."""

    audience_id: str
    refusal: Declined


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
    """POST of one audience. It reads its own folder, so that no run takes a file of another."""
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
        # A number, although one example of the partner has it in quotes.
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
) -> Operation | Duplicate | Declined | InDoubt:
    """The operation of the creation, or the audience that already has this name.

    A success that cannot be read is in doubt: it may have begun a creation.
    """
    said = said_by(response)
    if response.status == 409 and (found := _named(response, said)) is not None:
        return Duplicate(found, declined("audience create", response))
    if not 200 <= response.status < 300:
        return declined("audience create", response)
    operation = id_in(said, generation.operation_id)
    if operation is None:
        return InDoubt(f"{response.status}, but it names no {generation.operation_id}")
    return Operation(operation)


def compose_operation(generation: Generation, operation: str) -> Request:
    """GET of one creation."""
    return composed("operation", "GET", generation.operation(operation))


def interpret_operation(response: Response) -> Standing | Operation | Declined:
    """The new audience, or the operation if it still runs, or why it failed."""
    if not 200 <= response.status < 300:
        return declined("operation", response)
    said = said_by(response)
    state = status_word(said.get("status"))
    if state == "FAILED":
        why = f"{response.status}: the partner failed to make it"
        words = " ".join(filter(None, (scalar_text(said.get(key)) for key in ("message", "error"))))
        what_to_do = "check the columns, the storage and base_connection_id, and apply again"
        return Declined(response.status, f"{why} {words}".strip(), what_to_do, made_nothing=True)
    made = id_in(said, "audienceId")
    if state == "SUCCESS" and made is not None:
        return Standing(made)
    if state in ("PROCESSING", "SUCCESS"):
        return Operation("")
    return Declined(response.status, detail(response), NOT_THE_PARTNER)


def _named(response: Response, said: Mapping[str, object]) -> str | None:
    """The audience that an answer names: by its key, or as the only id in its words."""
    found = set(_UUID.findall(detail(response)))
    return id_in(said, "audienceId") or (found.pop() if len(found) == 1 else None)
