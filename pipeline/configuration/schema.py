"""The JSON Schema of the file, for editors, with the keys of every partner."""

from collections.abc import Mapping
from typing import Any, Union

from pydantic import Field, create_model

from pipeline.configuration.model import Settings
from pipeline.configuration.targets import AudienceSettings
from pipeline.destinations.contract import Partners
from pipeline.settings.values import DestinationName


def schema(partners: Partners) -> dict[str, object]:
    """The JSON Schema of each section; it lacks the checks that only `load` can do."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole_model(partners).model_json_schema(mode="validation"),
        "title": "audience-pipeline configuration",
    }


def whole_model(partners: Partners) -> type[Settings]:
    """A model with the keys of every partner; it describes keys, and never reads a document."""
    destinations: Any = Union[tuple(one.settings for one in partners.values())]  # noqa: UP007
    targets: Any = Union[tuple(one.target for one in partners.values())]  # noqa: UP007
    audience: Any = create_model(
        "AudienceSettings",
        __base__=AudienceSettings,
        destinations=(tuple[targets, ...], Field(min_length=1)),
    )
    return create_model(
        "Settings",
        __base__=Settings,
        destinations=(Mapping[DestinationName, destinations], Field(min_length=1)),
        audiences=(tuple[audience, ...], ()),
    )
