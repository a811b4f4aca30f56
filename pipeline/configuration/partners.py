"""Chooses the partner's model that reads a section.

The key `kind` decides for a destination, and the name of its destination for a target.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationInfo

from pipeline.destinations.contract import DestinationSettings, Partner, Partners, TargetSettings
from pipeline.settings.problems import KeyPath, Problem, nearest
from pipeline.settings.values import refuse

MODELS = "models"
"""The key of the validation context that holds the `Models` of a document."""


class UnplacedTarget(TargetSettings):
    """A target whose destination does not exist, so nobody knows its other keys."""

    model_config = ConfigDict(extra="allow")

    def audience(self) -> str | None:
        return None

    def lane(self) -> str:
        return ""

    def lane_keys(self) -> Mapping[str, object]:
        return {"destination": self.destination}

    def unmakeable(self, upstream_name: str) -> Problem | None:
        del upstream_name
        return None


@dataclass(frozen=True, slots=True)
class Models:
    """The models of one document."""

    partners: Partners
    kinds: Mapping[str, object]
    """The kind of each destination, as the document has it."""

    def partner(self, kind: object) -> Partner[DestinationSettings, TargetSettings] | None:
        return self.partners.get(kind) if isinstance(kind, str) else None

    def target(self, destination: object) -> type[TargetSettings]:
        """The model of a target; for an unknown destination, one that takes any key."""
        kind = self.kinds.get(destination) if isinstance(destination, str) else None
        partner = self.partner(kind)
        return UnplacedTarget if partner is None else partner.target

    def chosen(self, document: Mapping[str, object]) -> Mapping[KeyPath, type[BaseModel]]:
        """The model of each destination and each target of a document, by its path."""
        found: dict[KeyPath, type[BaseModel]] = {}
        for name, kind in self.kinds.items():
            if (partner := self.partner(kind)) is not None:
                found["destinations", name] = partner.settings
        for row, audience in enumerate(_list(document.get("audiences"))):
            for column, target in enumerate(_list(_mapping(audience).get("destinations"))):
                path = ("audiences", row, "destinations", column)
                found[path] = self.target(_mapping(target).get("destination"))
        return found


def models_of(document: Mapping[str, object], partners: Partners) -> Models:
    """The models that read this document."""
    destinations = _mapping(document.get("destinations"))
    return Models(
        partners, {str(name): _mapping(one).get("kind") for name, one in destinations.items()}
    )


def read_target(value: object, info: ValidationInfo) -> TargetSettings:
    """Validate a target with the model of its destination's partner."""
    if isinstance(value, TargetSettings):
        return value
    model = _models(info).target(_mapping(value).get("destination"))
    return model.model_validate(value, context=info.context)


def read_destination(value: object, info: ValidationInfo) -> DestinationSettings:
    """Validate a destination with the model of its kind."""
    if isinstance(value, DestinationSettings):
        return value
    models = _models(info)
    kind = _mapping(value).get("kind")
    partner = models.partner(kind)
    if partner is not None:
        return partner.settings.model_validate(value, context=info.context)
    if not isinstance(value, Mapping):
        return DestinationSettings.model_validate(value)
    refuse([_unknown_kind(kind, tuple(models.partners), is_named="kind" in value)])
    raise AssertionError("refuse raises")


def _unknown_kind(kind: object, known: tuple[str, ...], *, is_named: bool) -> Problem:
    if not is_named:
        remedy = "add 'kind: …'; config/reference.yaml shows every key"
        return Problem(path=("kind",), what="is required and missing", remedy=remedy)
    expected = " or ".join(repr(one) for one in known)
    meant = nearest(kind, known) if isinstance(kind, str) else None
    remedy = f"did you mean {meant!r}?" if meant else f"write {expected}"
    return Problem(
        path=("kind",),
        what=f"must be {expected}",
        value=repr(kind) if isinstance(kind, str) else None,
        remedy=remedy,
    )


def _models(info: ValidationInfo) -> Models:
    context = info.context if isinstance(info.context, Mapping) else {}
    models = context[MODELS]
    assert isinstance(models, Models)
    return models


def _mapping(value: object) -> Mapping[object, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
