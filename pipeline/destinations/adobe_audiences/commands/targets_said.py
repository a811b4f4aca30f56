"""Reads a target from the options of a command, with the rules of the configuration."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.control import InvalidRequest
from pipeline.settings.shape import Shape
from pipeline.settings.translation import problems_of


def target_said(said: Mapping[str, object], columns: Sequence[str]) -> AdobeTarget:
    """The target of these options; columns are written like `tier=attributes.tier:string`.

    Raises:
        InvalidRequest: the configuration would also refuse this target.
    """
    document = {**said, "columns": tuple(map(_column, columns))}
    try:
        return AdobeTarget.model_validate(document)
    except ValidationError as error:
        problems = problems_of(error, Shape(AdobeTarget), document)
        raise InvalidRequest("; ".join(one.line("") for one in problems)) from None


def _column(written: str) -> Mapping[str, str]:
    name, _, rest = written.partition("=")
    source, _, kind = rest.partition(":")
    if not name or not source:
        raise InvalidRequest("--column: write it like tier=attributes.tier:string")
    return {"name": name, "from": source, "type": kind or "string"}
