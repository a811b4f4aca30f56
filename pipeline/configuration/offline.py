"""The configuration as far as it says what events mean: no secret, broker or partner is needed."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.settings.document import read
from pipeline.settings.environment import overlaid
from pipeline.settings.problems import SettingsError

_SECRETS = ("client_secret", "refresh_token")
_UNUSED = "unused"


def load_offline(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings with stand-ins for every secret and every id that is not known yet.

    Nothing that is loaded so may run; SettingsError says what else is wrong.
    """
    laid = overlaid(read(path), environ, Settings)
    if laid.problems:
        raise SettingsError(laid.problems, str(path))
    try:
        return settings_from(_without_secrets(laid.document), path.parent)
    except SettingsError as error:
        raise SettingsError(error.problems, str(path)) from None


def _without_secrets(document: dict[str, object]) -> dict[str, object]:
    kafka = document.get("kafka")
    if isinstance(kafka, dict):
        for key in ("security_protocol", "ssl", "sasl"):
            kafka.pop(key, None)
    for destination in _values(document.get("destinations")):
        for name in _SECRETS:
            _stand_in(destination, name)
    for source in _values(document.get("sources")):
        registry = source.get("registry")
        if isinstance(registry, dict):
            registry.pop("ca_file", None)
            if "username" in registry:
                _stand_in(registry, "password")
    _number(document)
    return document


def _stand_in(section: dict[str, object], name: str) -> None:
    section.pop(f"{name}_file", None)
    section[name] = _UNUSED


def _number(document: dict[str, object]) -> None:
    """An id for each target that has none yet: `audiences apply` makes the real ones."""
    number = 0
    for audience in _values(document.get("audiences")):
        for target in _values(audience.get("destinations")):
            number += 1
            if target.get("audience_id") is None:
                target["audience_id"] = number


def _values(node: object) -> list[dict[str, object]]:
    listed = list(node.values()) if isinstance(node, dict) else node
    entries = listed if isinstance(listed, list) else []
    return [entry for entry in entries if isinstance(entry, dict)]
