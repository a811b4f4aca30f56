"""Reads requests that create or update an audience, strictly."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.sandbox.adobe_audiences import shapes
from pipeline.sandbox.adobe_audiences.answers import malformed
from pipeline.sandbox.adobe_audiences.vocabulary import (
    CLOUDS,
    CLOUDS_WITH_CONNECTION,
    FEWEST_FIELDS,
    FIELD_TYPES,
    LANDING_ZONE_CONTAINER,
    LONGEST_LIFE,
    MOST_FIELDS,
    SHORTEST_LIFE,
    USUAL_LIFE,
    ContractName,
)

_BOTH: Final = frozenset(
    {
        "name",
        "description",
        "fields",
        "sourceSpec",
        "ttlInDays",
        "audienceType",
        "originName",
        "namespace",
        "labels",
        "tags",
    }
)
_KNOWN: Final[Mapping[ContractName, frozenset[str]]] = {
    "current": _BOTH | {"customAudienceId", "expressActivation"},
    "draft": _BOTH | {"profileIngestion"},
}
_REQUIRED: Final = frozenset({"name", "fields", "sourceSpec", "originName"})
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_CUSTOM_ID: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_LABEL: Final = re.compile(r"(core|custom)/[^\s/]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column."""

    name: str
    type: str
    namespace: str | None
    """The namespace of the identity column; None for other columns."""
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """An audience as it was created. `said` is the request, for answers that echo it."""

    name: str
    fields: Sequence[Field]
    path: str
    """The path from the root of the storage, without a slash at its ends."""
    is_folder: bool
    ttl_days: int
    custom_id: str | None
    said: Mapping[str, object]

    @property
    def identity(self) -> int:
        """The place of the identity column."""
        return next(place for place, one in enumerate(self.fields) if one.namespace is not None)

    @property
    def header(self) -> Sequence[str]:
        return [one.name for one in self.fields]


def folder_definition(
    *, name: str, fields: Sequence[Field], path: str, ttl_days: int
) -> Definition:
    """The definition of an audience that exists from the start and reads a folder."""
    said = [
        {"name": one.name, "type": one.type}
        | ({} if one.namespace is None else {"identityNs": one.namespace})
        for one in fields
    ]
    return Definition(
        name=name,
        fields=fields,
        path=path.strip("/"),
        is_folder=True,
        ttl_days=ttl_days,
        custom_id=None,
        said={"name": name, "fields": said, "ttlInDays": ttl_days, "originName": "CUSTOM_UPLOAD"},
    )


def read_definition(body: bytes, contract: ContractName) -> Definition:
    """The audience of a create request.

    Raises:
        Refusal: a rule of the contract is broken.
    """
    said = shapes.fields(shapes.document(body), "audience", _KNOWN[contract], _REQUIRED)
    if said["originName"] != "CUSTOM_UPLOAD":
        raise malformed("originName must be CUSTOM_UPLOAD")
    if said.get("audienceType", "people") != "people":
        raise malformed("audienceType must be people")
    for name in ("expressActivation", "profileIngestion"):
        shapes.flag(said.get(name, False), name)
    path, is_folder = _source(said["sourceSpec"], contract)
    ttl_days = ttl(said.get("ttlInDays", USUAL_LIFE))
    labels(said.get("labels", []), "labels")
    shapes.texts(said.get("tags", []), "tags")
    return Definition(
        name=shapes.text(said["name"], "name"),
        fields=_fields(said["fields"]),
        path=path,
        is_folder=is_folder,
        ttl_days=ttl_days,
        custom_id=_custom_id(said.get("customAudienceId")),
        said={**said, "ttlInDays": ttl_days},
    )


def ttl(value: object) -> int:
    return shapes.whole(value, "ttlInDays", SHORTEST_LIFE, LONGEST_LIFE)


def labels(value: object, where: str) -> list[str]:
    found = shapes.texts(value, where)
    if not all(_LABEL.fullmatch(one) for one in found):
        raise malformed(f"{where} must be like core/C1 or custom/name")
    return found


def _custom_id(value: object) -> str | None:
    if value is None:
        return None
    if not _CUSTOM_ID.fullmatch(shapes.text(value, "customAudienceId")):
        raise malformed("customAudienceId must be letters, digits, _ and $")
    return str(value)


def _fields(value: object) -> Sequence[Field]:
    found = [_field(one) for one in shapes.items(value, "fields", FEWEST_FIELDS, MOST_FIELDS)]
    if len({one.name.lower() for one in found}) != len(found):
        raise malformed("fields must have different names")
    if sum(one.namespace is not None for one in found) != 1:
        raise malformed("fields must have one identity field, with identityNs")
    return found


def _field(value: object) -> Field:
    said = shapes.fields(
        value,
        "fields[]",
        frozenset({"name", "type", "identityNs", "labels"}),
        frozenset({"name", "type"}),
    )
    name = shapes.text(said["name"], "fields[].name")
    if not _HEADER.fullmatch(name):
        raise malformed("fields[].name must be letters, digits and _")
    namespace = said.get("identityNs")
    return Field(
        name=name,
        type=shapes.choice(said["type"], "fields[].type", FIELD_TYPES),
        namespace=None if namespace is None else shapes.text(namespace, "identityNs"),
        labels=labels(said.get("labels", []), "fields[].labels"),
    )


def _source(value: object, contract: ContractName) -> tuple[str, bool]:
    """The path in the request, and whether it is a folder."""
    if contract == "draft":
        required = frozenset({"path", "type", "sourceType", "baseConnectionId"})
        return _place(shapes.fields(value, "sourceSpec", required, required))
    outer = shapes.fields(value, "sourceSpec", frozenset({"params"}), frozenset({"params"}))
    required = frozenset({"path", "type", "cloudType"})
    known = required | {"sourceType", "baseConnectionId", "encryption"}
    said = shapes.fields(outer["params"], "sourceSpec.params", known, required)
    cloud = shapes.choice(said["cloudType"], "cloudType", CLOUDS)
    if cloud in CLOUDS_WITH_CONNECTION and "baseConnectionId" not in said:
        raise malformed(f"baseConnectionId is required for {cloud}")
    if "encryption" in said:
        keys = frozenset({"publicKeyId", "signVerificationKeyId", "signVerificationId"})
        shapes.fields(said["encryption"], "encryption", keys, frozenset({"publicKeyId"}))
    path, is_folder = _place(said)
    return (path.removeprefix(LANDING_ZONE_CONTAINER) if cloud == "DLZ" else path), is_folder


def _place(said: Mapping[str, object]) -> tuple[str, bool]:
    path = shapes.text(said["path"], "path")
    if any(letter.isspace() for letter in path):
        raise malformed("path must not contain spaces")
    if said.get("sourceType", "Cloud Storage") != "Cloud Storage":
        raise malformed("sourceType must be Cloud Storage")
    if "baseConnectionId" in said:
        shapes.text(said["baseConnectionId"], "baseConnectionId")
    kind = shapes.choice(said["type"], "type", frozenset({"file", "folder"}))
    return path.strip("/"), kind == "folder"
