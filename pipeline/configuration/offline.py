"""Loads a configuration to test what events mean, without any secret, broker or partner."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pipeline.configuration.load import settings_from, shape_of
from pipeline.configuration.model import Settings
from pipeline.destinations.contract import Partners
from pipeline.destinations.registry import PARTNERS
from pipeline.settings.document import read
from pipeline.settings.environment import overlaid
from pipeline.settings.problems import SettingsError
from pipeline.settings.shape import Shape, fields_of, holds_secret

_UNUSED = "unused"


def load_offline(path: Path, environ: Mapping[str, str], partners: Partners = PARTNERS) -> Settings:
    """The settings, with stand-ins for every secret and every unknown id; they must not be run.

    Raises:
        SettingsError: the configuration has other problems.
    """
    laid = overlaid(read(path), environ, partial(shape_of, partners))
    if laid.problems:
        raise SettingsError(laid.problems, str(path))
    shape = shape_of(partners, laid.document)
    try:
        settings = settings_from(
            _without_secrets(laid.document, shape), path.parent, partners, needs_ids=False
        )
    except SettingsError as error:
        raise SettingsError(error.problems, str(path)) from None
    return _numbered(settings)


def _without_secrets(document: dict[str, object], shape: Shape) -> dict[str, object]:
    kafka = document.get("kafka")
    if isinstance(kafka, dict):
        for key in ("security_protocol", "ssl", "sasl"):
            kafka.pop(key, None)
    _without_credentials(document.get("destinations"), shape)
    for source in _values(document.get("sources")):
        registry = source.get("registry")
        if isinstance(registry, dict):
            registry.pop("ca_file", None)
            if "username" in registry:
                _stand_in(registry, "password")
    return document


def _without_credentials(destinations: object, shape: Shape) -> None:
    for name, destination in destinations.items() if isinstance(destinations, dict) else ():
        for key, annotation in fields_of(shape.at(("destinations", name))).items():
            if holds_secret(annotation) and isinstance(destination, dict):
                _stand_in(destination, key)


def _stand_in(section: dict[str, object], name: str) -> None:
    section.pop(f"{name}_file", None)
    section[name] = _UNUSED


def _numbered(settings: Settings) -> Settings:
    """The settings with a stand-in id for each target that has none yet."""
    number = 0
    audiences = []
    for audience in settings.audiences:
        targets = []
        for target in audience.destinations:
            number += 1
            is_made = target.audience() is not None
            targets.append(target if is_made else target.with_audience(str(number)))
        audiences.append(audience.model_copy(update={"destinations": tuple(targets)}))
    return settings.model_copy(update={"audiences": tuple(audiences)})


def _values(node: object) -> list[dict[str, object]]:
    listed = list(node.values()) if isinstance(node, dict) else node
    entries = listed if isinstance(listed, list) else []
    return [entry for entry in entries if isinstance(entry, dict)]
